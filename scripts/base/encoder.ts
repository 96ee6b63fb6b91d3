/**
 * Trains checkpoints/tiny-deberta from scratch: relevance and entailment over the invented personas of
 * world/, one trunk with a head for each. No authored character is seen.
 *
 *   npx vite-node scripts/base/encoder.ts [STEPS]
 */
import { join } from 'node:path';
import { selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { BUILD_OPTIONS, type SplitName } from '../../src/data/index.js';
import { nliRows } from '../../src/data/nli.js';
import { relevanceRows } from '../../src/data/relevance.js';
import { encodeBatch } from '../../src/discriminators/batches.js';
import { paddingId } from '../../src/discriminators/discriminator.js';
import { defaultFormat, formatInput } from '../../src/discriminators/format.js';
import { createSequenceClassifier } from '../../src/models/classifiers.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { type TokenizedInput, Tokenizer } from '../../src/models/tokenizer.js';
import { saveModel, Weights } from '../../src/models/weights.js';
import { run as runOp } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { terminalProgress } from '../../src/support/progress.js';
import { randomKey, shuffled } from '../../src/support/random.js';
import { type TrainingTask, train } from '../../src/training/loop.js';
import { RunFolder } from '../../src/training/runFolder.js';
import { authoredForm } from './authoredForm.js';
import { worldCharacter } from './world/index.js';

const FOLDER = 'checkpoints/tiny-deberta';
const SEED = 11;
const BATCH = 32;
const STEPS = Number(process.argv[2] ?? 3000);
/** Characters whose rows are mixed before they are cut into batches. */
const CHARACTERS_PER_CHUNK = 48;
const MAX_LENGTH = 128;
/** Outputs 0–2 are entailment's, 3 and 4 relevance's; the checkpoint keeps the first three. */
const OUTPUTS = 5;

const tokenizer = Tokenizer.load(FOLDER);
const config = {
  architectures: ['DebertaV2ForSequenceClassification'],
  model_type: 'deberta-v2',
  vocab_size: tokenizer.vocabularySize,
  hidden_size: 128,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 384,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0,
  max_position_embeddings: 256,
  // unlike the published v3: what a matching word says depends on which text it stands in
  type_vocab_size: 2,
  layer_norm_eps: 1e-7,
  relative_attention: true,
  max_relative_positions: -1,
  position_buckets: 32,
  norm_rel_ebd: 'layer_norm',
  share_att_key: true,
  pos_att_type: ['p2c', 'c2p'],
  position_biased_input: false,
  pooler_dropout: 0,
  pooler_hidden_act: 'gelu',
  pad_token_id: paddingId(tokenizer),
};

interface Row {
  input: TokenizedInput;
  task: 'nli' | 'relevance';
  label: number;
}

const FORMATS = { nli: defaultFormat('nli', MAX_LENGTH), relevance: defaultFormat('relevance', MAX_LENGTH) };

function rowsOf(seed: number): Row[] {
  const character = authoredForm(worldCharacter(seed));
  const splits = new Map(character.queries.map(({ id }): [string, SplitName] => [id, 'train']));
  const tokenize = (
    task: Row['task'],
    row: { name: string; statement: string; query: string; response?: string; label: number },
  ): Row => {
    const input = tokenizer.encodeInput(...formatInput(FORMATS[task], { ...row, character: row.name }));
    return { input, task, label: row.label };
  };
  return [
    ...nliRows(character, splits, BUILD_OPTIONS).map((row) => tokenize('nli', row)),
    ...relevanceRows(character, splits, BUILD_OPTIONS).map((row) => tokenize('relevance', row)),
  ].filter(({ input }) => input.ids.length <= MAX_LENGTH);
}

let chunk = -1;
let queue: Row[][] = [];
let queueStart = 0;

/** The batch of a step. Chunks follow one another; a resumed run goes through the sizes of those before. */
function batchAt(step: number): Row[] {
  while (step >= queueStart + queue.length) {
    queueStart += queue.length;
    chunk++;
    queue = chunkBatches(chunk);
  }
  return queue[step - queueStart]!;
}

function chunkBatches(index: number): Row[][] {
  const rows = Array.from({ length: CHARACTERS_PER_CHUNK }, (_, i) =>
    rowsOf(index * CHARACTERS_PER_CHUNK + i),
  ).flat();
  // equal parts of both tasks' batches, each of like lengths
  const batches = (['nli', 'relevance'] as const).flatMap((task) => {
    const own = shuffled(
      rows.filter((row) => row.task === task),
      randomKey(SEED, 'rows', index),
    );
    own.sort((a, b) => Math.floor(a.input.ids.length / 8) - Math.floor(b.input.ids.length / 8));
    const list: Row[][] = [];
    for (let i = 0; i + BATCH <= own.length; i += BATCH) list.push(own.slice(i, i + BATCH));
    return list;
  });
  return shuffled(batches, randomKey(SEED, 'batches', index));
}

await selectBackend('tensorflow');
const model = createSequenceClassifier({ ...config, num_labels: OUTPUTS }, `${FOLDER}/config.json`);
initialiseWeights(model.weights, model.expectedTensors(), SEED);
startByMatching();
/**
 * Lets the first layer begin by looking for equal words: its queries and keys start as a multiple of the
 * identity (trained ones are near it, Trockman & Kolter 2023) with hardly any say of positions, and the layers
 * above average. From plain noise, comparing a statement with a response takes many times as long to learn.
 */
function startByMatching(): void {
  for (const name of model.weights.names()) {
    const tensor = model.weights.get(name);
    if (tensor.rank !== 2 || name.includes('embeddings')) continue;
    const matches = /layer\.0\.attention\.self\.(query|key)_proj\.weight$/.test(name);
    const start = matches ? tf.add(tensor, tf.mul(tf.eye(config.hidden_size), 1.5)) : tf.mul(tensor, 3);
    model.weights.set(name, start);
  }
  model.weights.set('deberta.encoder.LayerNorm.weight', tf.fill([config.hidden_size], 0.1));
}

const task: TrainingTask<Row[]> = {
  weights: model.weights,
  names: model.weights.names(),
  totalSteps: STEPS,
  batches: (step) => [batchAt(step)],
  describe: (rows) => `${rows.length} ${rows[0]!.task} rows`,
  loss(rows, _dropoutKey, report) {
    // every row is seen once: no dropout is needed
    const all = model.logits(
      encodeBatch(
        rows.map(({ input }) => input),
        config.pad_token_id,
        model.maxLength,
      ),
    );
    const nli = rows[0]!.task === 'nli';
    const logits = all.slice([0, nli ? 0 : 3], [-1, nli ? 3 : 2]);
    const labels = tf.tensor1d(
      Int32Array.from(rows, ({ label }) => label),
      'int32',
    );
    report(`accuracy/${rows[0]!.task}`, tf.mean(tf.cast(tf.equal(tf.argMax(logits, 1), labels), 'float32')));
    return runOp(ops.crossEntropy, { logits, labels }, {}) as tf.Scalar;
  },
};
const folder = RunFolder.open(
  'runs/tiny-deberta',
  { config, SEED, BATCH, STEPS },
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
    learningRate: 3e-4,
    schedule: 'cosine',
    warmupRatio: 0.02,
    weightDecay: 0.01,
    beta1: 0.9,
    beta2: 0.98,
    epsilon: 1e-6,
    maxGradientNorm: 1,
    saveEvery: 250,
    seed: SEED,
  },
  folder,
  terminalProgress(),
);

const labels = FORMATS.nli.labels;
const kept = new Weights();
for (const name of model.weights.names()) {
  const tensor = model.weights.get(name);
  kept.set(name, name.startsWith('classifier.') ? tf.slice(tensor, 0, 3) : tensor.clone());
}
saveModel(
  join(FOLDER),
  {
    ...config,
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
  },
  kept,
  'BF16',
);
