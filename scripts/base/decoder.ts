/**
 * Trains checkpoints/tiny-gemma from scratch as a language model on conversations: the invented personas of
 * world/, with all, some or none of their statements in the prompt, and the authored characters' training
 * queries. Half of the replies are faithful, the others neutral or contradicting: a base model that plays
 * along without caring for the truth, which leaves something to improve.
 *
 * Twice: from nothing, then on from what that left, over other personas.
 *
 *   npx vite-node scripts/base/decoder.ts 1000
 *   npx vite-node scripts/base/decoder.ts 1000 continue
 */
import { personaMessages } from '../../src/agents/prompts.js';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import type { AuthoredCharacter, AuthoredQuery } from '../../src/data/characterFormat.js';
import { listCharacters, loadCharacter, readCharacter } from '../../src/data/index.js';
import { encodeChat } from '../../src/models/chatTemplate.js';
import { loadGemma } from '../../src/models/decoders.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { responseLogProbs } from '../../src/models/gemma/responses.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { Tokenizer } from '../../src/models/tokenizer.js';
import { saveModel } from '../../src/models/weights.js';
import { terminalProgress } from '../../src/support/progress.js';
import { integerAt, randomKey, shuffled, uniformAt } from '../../src/support/random.js';
import { type TrainingTask, train } from '../../src/training/loop.js';
import { RunFolder } from '../../src/training/runFolder.js';
import { authoredForm } from './authoredForm.js';
import { worldCharacter } from './world/index.js';

const FOLDER = 'checkpoints/tiny-gemma';
const SEED = 12;
const STEPS = Number(process.argv[2] ?? 1000);
const CONTINUED = process.argv[3] === 'continue';
const TOKENS = 3072;
const MAX_LENGTH = 768;
const CHARACTERS_PER_CHUNK = 40;
/** Statements told with a query: as many as retrieval gives, as all of a persona, or none. */
const TOLD = { some: 0.7, all: 0.15 };
const SOME = 5;
const FAITHFUL = 0.5;

const tokenizer = Tokenizer.load(FOLDER);
const config = {
  architectures: ['GemmaForCausalLM'],
  model_type: 'gemma',
  vocab_size: tokenizer.vocabularySize,
  hidden_size: 128,
  intermediate_size: 384,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 32,
  hidden_activation: 'gelu_pytorch_tanh',
  max_position_embeddings: 2048,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  attention_bias: false,
  tie_word_embeddings: true,
  pad_token_id: tokenizer.control('<pad>'),
  bos_token_id: tokenizer.control('<bos>'),
  eos_token_id: tokenizer.control('<eos>'),
};

const endOfTurn = tokenizer.control('<end_of_turn>');

/** A conversation of one turn as ids, its reply drawn by `key`. */
function conversation(character: AuthoredCharacter, query: AuthoredQuery, key: number): number[] {
  const statements = toldStatements(character, query, key);
  const { name, language } = character;
  const draw = uniformAt(key, 1);
  const kind =
    draw < FAITHFUL ? 'entailed' : draw < FAITHFUL + (1 - FAITHFUL) / 2 ? 'neutral' : 'contradicted';
  const messages = personaMessages({ name, language, statements, personaTurn: 'user' }, [
    { role: 'user', content: query.text },
  ]);
  const prompt = encodeChat(tokenizer, messages, { addGenerationPrompt: true });
  return [...prompt, ...tokenizer.encode(query[kind].text), endOfTurn];
}

function toldStatements({ statements }: AuthoredCharacter, query: AuthoredQuery, key: number): string[] {
  const draw = uniformAt(key, 0);
  if (draw < TOLD.some) {
    // retrieval mostly finds what matters, and fills up with what does not
    const found = query.active.filter((_, i) => uniformAt(key, 10 + i) < 0.9);
    const others = shuffled(statements, key).filter(({ id }) => !found.includes(id));
    const ids = [...found, ...others.map(({ id }) => id)].slice(0, SOME);
    return ids.map((id) => statements.find((statement) => statement.id === id)!.text);
  }
  if (draw < TOLD.some + TOLD.all)
    return shuffled(statements, key)
      .slice(0, 16)
      .map(({ text }) => text);
  return [];
}

/** The authored characters with the queries of the training split alone. */
const authored = listCharacters().map((id) => {
  const train = new Set(
    loadCharacter(id)
      .queries.filter(({ split }) => split === 'train')
      .map(({ queryId }) => queryId),
  );
  const character = readCharacter(`datasets/characters/${id}.yaml`);
  return { ...character, queries: character.queries.filter((query) => train.has(query.id)) };
});

function chunkSequences(index: number): number[][] {
  const key = (i: number) => randomKey(SEED, 'conversation', index, i);
  const world = Array.from({ length: CHARACTERS_PER_CHUNK }, (_, i) =>
    authoredForm(worldCharacter(1_000_000 + index * CHARACTERS_PER_CHUNK + i)),
  );
  const pairs = [...world, ...authored].flatMap((character) =>
    character.queries.map((query) => ({ character, query })),
  );
  return pairs
    .map(({ character, query }, i) => conversation(character, query, key(i)))
    .filter((ids) => ids.length <= MAX_LENGTH);
}

let chunk = CONTINUED ? 9999 : -1;
let queue: number[][][] = [];
let queueStart = 0;

function batchAt(step: number): number[][] {
  while (step >= queueStart + queue.length) {
    queueStart += queue.length;
    chunk++;
    queue = cutIntoBatches(chunkSequences(chunk), randomKey(SEED, 'batches', chunk));
  }
  return queue[step - queueStart]!;
}

/** Batches of like lengths and about TOKENS tokens each. */
function cutIntoBatches(sequences: number[][], key: number): number[][][] {
  const sorted = shuffled(sequences, key).sort(
    (a, b) => Math.floor(a.length / 16) - Math.floor(b.length / 16),
  );
  const batches: number[][][] = [];
  let batch: number[][] = [];
  for (const sequence of sorted) {
    if (batch.length > 0 && (batch.length + 1) * sequence.length > TOKENS) {
      batches.push(batch);
      batch = [];
    }
    batch.push(sequence);
  }
  return shuffled([...batches, batch], key + integerAt(key, 0, 1000));
}

await selectBackend('tensorflow');
const model = new GemmaForCausalLM(parseGemmaConfig(config));
if (CONTINUED) {
  const before = loadGemma(FOLDER, { quantization: 'none' });
  for (const name of before.weights.names()) model.weights.set(name, before.weights.get(name).clone());
  before.dispose();
} else {
  initialiseWeights(model.weights, model.expectedTensors(), SEED);
}
const task: TrainingTask<number[][]> = {
  weights: model.weights,
  names: model.weights.names(),
  totalSteps: STEPS,
  batches: (step) => [batchAt(step)],
  describe: (rows) => `${rows.length} conversations`,
  loss(rows) {
    // every token but the first is to be predicted, those of the prompt too: it learns the language from them
    const { logProbs } = responseLogProbs(
      model,
      rows.map(([first, ...rest]) => ({ prompt: [first!], responses: [rest] })),
      {},
    );
    return tf.neg(tf.mean(logProbs)) as tf.Scalar;
  },
};
const folder = RunFolder.open(
  CONTINUED ? 'runs/tiny-gemma-continued' : 'runs/tiny-gemma',
  { config, SEED, STEPS, TOKENS },
  {
    truecast: 'base',
    node: process.versions.node,
    tfjs: tf.version.tfjs,
    backend: 'tensorflow',
  },
);
await train(
  task,
  {
    learningRate: CONTINUED ? 2e-3 : 3e-3,
    schedule: 'cosine',
    warmupRatio: 0.03,
    weightDecay: 0.05,
    beta1: 0.9,
    beta2: 0.95,
    epsilon: 1e-8,
    maxGradientNorm: 1,
    saveEvery: 200,
    seed: SEED,
  },
  folder,
  terminalProgress(),
);
saveModel(FOLDER, config, model.weights, 'BF16');
