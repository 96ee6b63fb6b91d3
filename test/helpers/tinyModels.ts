import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { parseDebertaConfig } from '../../src/models/deberta/config.js';
import { DebertaV2ForSequenceClassification } from '../../src/models/deberta/model.js';
import { writeSafetensors } from '../../src/models/formats/safetensors.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { Tokenizer } from '../../src/models/tokenizer.js';
import type { ExpectedTensors } from '../../src/models/weights.js';
import { normalAt, randomKey } from '../../src/support/random.js';

/** Models that know nothing, in Hugging Face layout: small enough that a command on them takes a second. */

const CHECKPOINTS = fileURLToPath(new URL('../../checkpoints', import.meta.url));

/** As many embeddings as the tokenizer of a model in checkpoints/ has tokens. */
function vocabularySize(tokenizer: string): number {
  return Tokenizer.load(join(CHECKPOINTS, tokenizer)).vocabularySize;
}

/** A DeBERTa-v3 of one layer, without a head. */
export function writeTinyEncoder(folder: string, changes: Record<string, unknown> = {}): string {
  const config = {
    model_type: 'deberta-v2',
    vocab_size: vocabularySize('tiny-deberta'),
    hidden_size: 16,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    intermediate_size: 32,
    max_position_embeddings: 128,
    relative_attention: true,
    position_buckets: 8,
    max_relative_positions: -1,
    norm_rel_ebd: 'layer_norm',
    share_att_key: true,
    pos_att_type: 'p2c|c2p',
    position_biased_input: false,
    pooler_hidden_size: 16,
    ...changes,
  };
  const tensors = new DebertaV2ForSequenceClassification(parseDebertaConfig(config)).expectedTensors();
  for (const name of tensors.keys()) if (/^(classifier|pooler)\./.test(name)) tensors.delete(name);
  return writeModel(folder, config, tensors, 'tiny-deberta');
}

/** A Gemma of two layers. */
export function writeTinyDecoder(folder: string, changes: Record<string, unknown> = {}): string {
  const config = {
    model_type: 'gemma',
    vocab_size: vocabularySize('tiny-gemma'),
    hidden_size: 32,
    intermediate_size: 64,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 16,
    max_position_embeddings: 256,
    bos_token_id: 2,
    eos_token_id: 1,
    ...changes,
  };
  const tensors = new GemmaForCausalLM(parseGemmaConfig(config)).expectedTensors();
  return writeModel(folder, config, tensors, 'tiny-gemma');
}

function writeModel(
  folder: string,
  config: Record<string, unknown>,
  tensors: ExpectedTensors,
  tokenizer: string,
): string {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) {
    copyFileSync(join(CHECKPOINTS, tokenizer, name), join(folder, name));
  }
  writeSafetensors(
    join(folder, 'model.safetensors'),
    [...tensors].map(([name, shape]) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const key = randomKey('tiny', name);
      const data = Float32Array.from({ length: size }, (_, i) => startOf(name) + 0.1 * normalAt(key, i));
      return [name, { dtype: 'F32', shape, data }];
    }),
  );
  return folder;
}

/** Norms begin near 1, which Gemma stores as 0; everything else near 0. */
function startOf(name: string): number {
  return /LayerNorm\.weight$/.test(name) ? 1 : 0;
}

const FACTS: [statement: string, ...turns: [query: string, ...responses: [string, string, string]][]][] = [
  [
    'Bram Oake rows the ferry at Lower Hithe.',
    [
      'What do you do all day?',
      'I row the ferry, hour upon hour.',
      'Whatever comes along.',
      'I keep a shop.',
    ],
    [
      'Who takes us over the water?',
      'Hop in, the oars are mine.',
      'Somebody will, sooner or later.',
      'Nobody: I own no boat.',
    ],
  ],
  [
    'Bram Oake cannot swim.',
    [
      'Do you bathe in the river?',
      'Never, I would sink like lead.',
      'The river is cold in May.',
      'I swim a mile before breakfast.',
    ],
    [
      'What if you fell in?',
      'Then fish me out quickly, please!',
      'I would get wet, I suppose.',
      'I would paddle to the bank.',
    ],
  ],
  [
    'Bram Oake has a tame heron called Stilts.',
    [
      'Which bird is that?',
      'Stilts, my heron. She begs for eels.',
      'A grey one, by the look of it.',
      'I chase off every bird.',
    ],
    [
      'Have you any company out here?',
      'A heron with no manners at all.',
      'The evenings are quiet.',
      'None, not even an animal.',
    ],
  ],
  [
    'Bram Oake lost two fingers to frost.',
    [
      'What happened to your hand?',
      'Frost had two of the fingers.',
      'A long story, for a long night.',
      'Nothing: count them, all ten.',
    ],
    [
      'How was the great winter?',
      'Bitter. It cost me a pair of fingers.',
      'White, and rather long.',
      'Mild; I went without gloves, unharmed.',
    ],
  ],
];

/** A character of four statements and eight queries, four of them held out, as an authored file. */
export function writeTinyCharacter(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const character = {
    format: 'truecast.character/1',
    id: 'bram',
    name: 'Bram Oake',
    language: 'en',
    about: 'A ferryman who is afraid of the water, for tests.',
    statements: FACTS.map(([text], s) => ({ id: `s${s + 1}`, text })),
    queries: FACTS.flatMap(([, ...turns], s) =>
      turns.map(([text, entailed, neutral, contradicted], q) => ({
        id: `q${2 * s + q + 1}`,
        text,
        active: [`s${s + 1}`],
        entailed: { text: entailed, entails: [`s${s + 1}`], contradicts: [] },
        neutral: { text: neutral, entails: [], contradicts: [] },
        contradicted: { text: contradicted, entails: [], contradicts: [`s${s + 1}`] },
      })),
    ),
  };
  const path = join(folder, 'bram.yaml');
  writeFileSync(path, stringify(character));
  return path;
}

/** A folder's models, character and configurations of every command, named relative to it. */
export function writeTinyProject(folder: string, backend: string): void {
  writeTinyEncoder(join(folder, 'encoder'));
  writeTinyDecoder(join(folder, 'decoder'));
  writeTinyCharacter(folder);
  for (const [name, config] of Object.entries(tinyConfigs(backend))) {
    writeFileSync(join(folder, `${name}.yaml`), stringify(config));
  }
}

/** The configurations that `writeTinyProject` writes, by name; a run has its configuration's name. */
export function tinyConfigs(backend: string) {
  const run = (name: string) => ({ name, seed: 1, backend });
  const training = { epochs: 2, batchSize: 4, learningRate: 1e-3, saveEvery: 3 };
  const discriminator = (task: string) => ({
    run: run(task),
    task,
    base: 'encoder',
    maxLength: 64,
    characters: ['bram.yaml'],
    training,
  });
  const reward = { relevance: 'runs/relevance/model', nli: 'runs/nli/model' };
  const model = { base: 'decoder', quantization: 'nf4-double' };
  const lora = { rank: 2, alpha: 4, dropout: 0.1 };
  const sampling = { temperature: 1, maxNewTokens: 6, batchSize: 4 };
  return {
    relevance: discriminator('relevance'),
    nli: discriminator('nli'),
    eu: { run: run('eu'), character: 'bram.yaml', model, lora, training },
    dpo: {
      run: run('dpo'),
      character: 'bram.yaml',
      model,
      agent: { method: 'rag', topK: 2 },
      discriminators: reward,
      mining: { samples: 3, margin: 0, sampling },
      lora,
      training: { ...training, epochs: 3, batchSize: 1, accumulation: 2, saveEvery: 2 },
    },
    evaluate: {
      run: run('evaluate'),
      character: 'bram.yaml',
      model,
      judge: reward,
      retriever: 'runs/relevance/model',
      topK: 2,
      methods: [
        { method: 'vanilla', dpo: 'runs/dpo/adapter' },
        { method: 'eu', adapter: 'runs/eu/adapter' },
        { method: 'lcm' },
        { method: 'rag', dpo: 'runs/dpo/adapter' },
      ],
      sampling,
      samples: 2,
      bootstrap: 100,
    },
  };
}
