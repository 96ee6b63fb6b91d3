import * as tf from '../src/backends/tf.js';
import { encodeBatch } from '../src/discriminators/batches.js';
import { Discriminator } from '../src/discriminators/discriminator.js';
import type { TokenizedPair } from '../src/dpo/pairs.js';
import { referenceLogProbs } from '../src/dpo/reference.js';
import { dpoTask } from '../src/dpo/task.js';
import { loadGemma } from '../src/models/decoders.js';
import { generate } from '../src/models/gemma/generate.js';
import type { GemmaForCausalLM } from '../src/models/gemma/model.js';
import { LoraAdapter } from '../src/models/lora/adapter.js';
import { valueAndGradients } from '../src/ops/autodiff.js';
import { run } from '../src/ops/op.js';
import { ops } from '../src/ops/table.js';
import { integerAt, randomKey } from '../src/support/random.js';
import { Adamw, clipFactor, globalNorm } from '../src/training/optimizer.js';
import { scoringTexts } from './models.js';
import type { Sizes } from './sizes.js';

/** What is measured: prepared once, then run as often as wanted. */
export interface Work {
  /** One run; returns numbers that the peer's are compared with, where they must agree. */
  run(): Promise<number[]>;
  dispose(): void;
}

/** A row of the benchmark. */
export interface RowDefinition {
  /** Stable: results of different days are compared by it. */
  name: string;
  model: 'minilm' | 'deberta' | 'gemma';
  /** In words and numbers. */
  shape: string;
  /** Of what `items` counts per run. */
  unit: 'pairs' | 'steps' | 'tokens';
  items: number;
  /** What the peer is asked to prepare. */
  request: Record<string, unknown>;
  prepare(folder: string): Promise<Work> | Work;
}

const OPTIMIZER = { beta1: 0.9, beta2: 0.999, epsilon: 1e-6, weightDecay: 0.01 };
const LEARNING_RATE = 1e-5;
const MAX_NORM = 1;
const BETA = 0.1;

export function rowDefinitions(sizes: Sizes): RowDefinition[] {
  const encoders = (['minilm', 'deberta'] as const).flatMap((model) => [
    scoring(model, sizes),
    training(model, sizes),
  ]);
  const generation = (['nf4', 'none'] as const).flatMap((quantization) =>
    [1, sizes.generate.batch].map((batch) => generating(quantization, batch, sizes)),
  );
  return [...encoders, dpo(sizes), ...generation];
}

/** NLI of a query's responses against the persona: tokenising, batching by length, forward, softmax. */
function scoring(model: 'minilm' | 'deberta', sizes: Sizes): RowDefinition {
  const { statements, query, responses } = scoringTexts(sizes);
  const inputs = responses.flatMap((response) =>
    statements.map((statement) => ({ character: 'Odile', statement, query, response })),
  );
  return {
    name: `score/${model}`,
    model,
    shape: `${responses.length} responses × ${statements.length} statements`,
    unit: 'pairs',
    items: inputs.length,
    request: {
      kind: 'score',
      pairs: inputs.map(({ statement, query, response }) => [statement, `${query}\n${response}`]),
    },
    prepare(folder) {
      const discriminator = Discriminator.load(folder, 'nli');
      return {
        async run() {
          const probabilities = await discriminator.probabilities(inputs);
          const values = Array.from(probabilities.dataSync());
          probabilities.dispose();
          return values;
        },
        dispose: () => discriminator.dispose(),
      };
    },
  };
}

/** Fine-tuning a whole encoder: forward with dropout, backward, clipping, AdamW. */
function training(model: 'minilm' | 'deberta', sizes: Sizes): RowDefinition {
  const { batch, length } = sizes.train;
  const ids = Array.from({ length: batch }, (_, i) => tokens(`train/${i}`, length, sizes[model].vocabulary));
  const labels = ids.map((_, i) => i % 3);
  return {
    name: `train/${model}`,
    model,
    shape: `${batch} × ${length} tokens`,
    unit: 'steps',
    items: 1,
    request: { kind: 'train', ids, labels, learningRate: LEARNING_RATE, ...OPTIMIZER, maxNorm: MAX_NORM },
    prepare(folder) {
      const { model: classifier } = Discriminator.load(folder, 'nli');
      const names = classifier.weights.names();
      const optimizer = new Adamw(classifier.weights, names, OPTIMIZER);
      const inputs = ids.map((row) => ({ ids: row, typeIds: row.map(() => 0) }));
      let step = 0;
      return {
        async run() {
          step++;
          const loss = update(optimizer, classifier.weights, () => {
            const logits = classifier.logits(encodeBatch(inputs, 0, classifier.maxLength), {
              dropoutKey: randomKey('bench', step),
            });
            return run(ops.crossEntropy, { logits, labels: tf.tensor1d(labels, 'int32') }, {}) as tf.Scalar;
          });
          await finished(classifier.weights.get(names.at(-1)!));
          return [loss];
        },
        dispose() {
          optimizer.dispose();
          classifier.weights.dispose();
        },
      };
    },
  };
}

/** One DPO step of a LoRA over NF4: chosen and rejected in one forward pass, the reference known before. */
function dpo(sizes: Sizes): RowDefinition {
  const { prompt, response, rank } = sizes.dpo;
  const { vocabulary } = sizes.gemma;
  const pair: TokenizedPair = {
    id: 'pair',
    prompt: tokens('prompt', prompt, vocabulary),
    chosen: tokens('chosen', response, vocabulary),
    rejected: tokens('rejected', response, vocabulary),
    gap: 1,
  };
  return {
    name: 'dpo/gemma-nf4',
    model: 'gemma',
    shape: `1 pair of ${prompt} + ${response} tokens, rank ${rank}`,
    unit: 'steps',
    items: 1,
    request: {
      kind: 'dpo',
      ...pair,
      rank,
      beta: BETA,
      learningRate: LEARNING_RATE,
      ...OPTIMIZER,
      maxNorm: MAX_NORM,
    },
    async prepare(folder) {
      const model = loadGemma(folder, { quantization: 'nf4' });
      const adapter = attachLora(model, rank);
      const reference = await referenceLogProbs(model, [pair]);
      const task = dpoTask(model, [pair], reference, {
        loss: 'sigmoid',
        beta: BETA,
        labelSmoothing: 0,
        offsetScale: 1,
        epochs: 1,
        batchSize: 1,
        accumulation: 1,
        seed: 1,
        recompute: false,
      });
      const optimizer = new Adamw(task.weights, task.names, OPTIMIZER);
      const [batch] = task.batches(0);
      return {
        async run() {
          const loss = update(optimizer, task.weights, () => task.loss(batch!, 1, () => {}));
          await finished(adapter.weights.get(task.names.at(-1)!));
          return [loss];
        },
        dispose() {
          optimizer.dispose();
          model.dispose();
        },
      };
    },
  };
}

/** Greedy generation with a key-value cache, prompt included in the time. */
function generating(quantization: 'none' | 'nf4', batch: number, sizes: Sizes): RowDefinition {
  const { prompt, tokens: count } = sizes.generate;
  const prompts = Array.from({ length: batch }, (_, i) =>
    tokens(`generate/${i}`, prompt, sizes.gemma.vocabulary),
  );
  return {
    name: `generate-${batch === 1 ? '1' : 'batch'}/gemma-${quantization === 'none' ? 'f32' : quantization}`,
    model: 'gemma',
    shape: `batch ${batch}, ${prompt} + ${count} tokens`,
    unit: 'tokens',
    items: batch * count,
    request: { kind: 'generate', prompts, tokens: count, quantization },
    prepare(folder) {
      const model = loadGemma(folder, { quantization });
      const requests = prompts.map((ids, key) => ({ prompt: ids, key }));
      const options = { temperature: 0, topK: 0, topP: 1, maxNewTokens: count, seed: 1, stopTokens: [] };
      return {
        async run() {
          return (await generate(model, requests, options)).flatMap(({ ids }) => ids);
        },
        dispose: () => model.dispose(),
      };
    },
  };
}

function attachLora(model: GemmaForCausalLM, rank: number): LoraAdapter {
  const targetModules = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'];
  const adapter = new LoraAdapter({ rank, alpha: 2 * rank, dropout: 0, targetModules, rslora: false });
  adapter.initialise(model.linearLayers(), 1);
  model.adapter = adapter;
  return adapter;
}

/** One update as the training loop makes it; returns the loss. */
function update(optimizer: Adamw, weights: { get(name: string): tf.Tensor }, loss: () => tf.Scalar): number {
  const parameters = optimizer.names.map((name) => weights.get(name));
  const { value, gradients } = valueAndGradients(loss, parameters);
  optimizer.apply(gradients, LEARNING_RATE, clipFactor(globalNorm(gradients), MAX_NORM));
  tf.dispose(gradients);
  const number = value.dataSync()[0]!;
  value.dispose();
  return number;
}

/** Waits until the device has computed a tensor, and with it all that was asked of it before. */
async function finished(tensor: tf.Tensor): Promise<void> {
  const probe = tf.tidy(() => tensor.flatten().slice([0], [1]));
  await probe.data();
  probe.dispose();
}

/** Arbitrary ids, none of the first hundred (control tokens) nor beyond the vocabulary. */
function tokens(name: string, count: number, vocabulary: number): number[] {
  const key = randomKey('bench', name);
  return Array.from({ length: count }, (_, i) => 100 + integerAt(key, i, vocabulary - 100));
}
