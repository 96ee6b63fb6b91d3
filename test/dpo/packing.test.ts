import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { dpoLosses } from '../../src/dpo/losses.js';
import { pairLogProbs, type TokenizedPair, textsOf } from '../../src/dpo/pairs.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { packRows } from '../../src/models/gemma/packing.js';
import { responseLogProbs, sumByResponse } from '../../src/models/gemma/responses.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { sftTask } from '../../src/sft/task.js';
import { integerAt, normalAt, randomKey } from '../../src/support/random.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { keptBytes } from '../helpers/kept.js';

const TOLERANCE = 1e-5;
const LORA = { rank: 3, alpha: 6, dropout: 0, targetModules: 'all-linear' as const, rslora: false };
/** Gemma 1, 2 and 3, with and without grouped heads, soft caps, windows. */
const CONFIGS = [
  'models/gemma-a',
  'models/gemma-b',
  'models/gemma-c',
  'gemma/gemma2-a',
  'gemma/gemma2-b',
  'gemma/gemma3-a',
  'gemma/gemma3-b',
];

const ids = (name: string, length: number) =>
  Array.from({ length }, (_, i) => 3 + integerAt(randomKey('packing', name), i, 40));
const pair = (name: string, prompt: number, chosen: number, rejected: number): TokenizedPair => ({
  id: name,
  prompt: ids(`${name} prompt`, prompt),
  chosen: ids(`${name} chosen`, chosen),
  rejected: ids(`${name} rejected`, rejected),
  gap: 0,
});
const LONG = pair('long', 13, 6, 9);
const PAIRS = [
  LONG,
  pair('one token each', 3, 1, 1),
  pair('prompt of one token', 1, 5, 2),
  // the same prompt, once with a response exchanged and once with the very same pair
  { ...pair('other', 0, 4, 0), prompt: LONG.prompt, rejected: LONG.chosen },
  { ...LONG },
  // chosen is how rejected begins
  { ...pair('prefix', 5, 0, 7), chosen: pair('prefix', 5, 0, 7).rejected.slice(0, 3) },
];

function modelOf(name: string): GemmaForCausalLM {
  const raw = JSON.parse(readFileSync(`test/fixtures/${name}/config.json`, 'utf8'));
  // windows that end within prompts and within responses
  const model = new GemmaForCausalLM(parseGemmaConfig({ ...raw, sliding_window: 4 }));
  initialiseWeights(model.weights, model.expectedTensors(), 3);
  model.adapter = new LoraAdapter(LORA);
  model.adapter.initialise(model.linearLayers(), 1);
  // B is zero at first, and A's gradient with it
  for (const weight of model.adapter.weights.names()) {
    const { shape } = model.adapter.weights.get(weight);
    const key = randomKey('weights', weight);
    const values = Array.from({ length: shape[0]! * shape[1]! }, (_, i) => 0.2 * normalAt(key, i));
    model.adapter.weights.set(weight, tf.tensor(values, shape));
  }
  return model;
}

/** [N, 2] as pairLogProbs, each response behind a prompt of its own in a row of its own. */
function separately(model: GemmaForCausalLM, pairs: readonly TokenizedPair[]): tf.Tensor2D {
  const texts = pairs.flatMap((one) =>
    textsOf(one).responses.map((response) => ({ prompt: one.prompt, responses: [response] })),
  );
  const { logProbs, response } = responseLogProbs(model, texts, {}, 1);
  return sumByResponse(logProbs, response, texts.length).reshape([pairs.length, 2]);
}

function losses(policy: tf.Tensor2D): tf.Tensor1D {
  const column = (i: number) => policy.slice([0, i], [-1, 1]).reshape([-1]) as tf.Tensor1D;
  const constant = (value: number) => tf.fill([policy.shape[0]], value) as tf.Tensor1D;
  const logProbs = {
    policyChosen: column(0),
    policyRejected: column(1),
    referenceChosen: constant(-9),
    referenceRejected: constant(-7),
    chosenTokens: constant(3),
    rejectedTokens: constant(4),
    gap: constant(1),
  };
  return dpoLosses(logProbs, { loss: 'sigmoid', beta: 0.5, labelSmoothing: 0, offsetScale: 1 });
}

describeBackends('pairs behind one prompt, several in a row', () => {
  it.each(CONFIGS)('%s: log-probabilities, losses and gradients of one response a row', (name) => {
    const model = modelOf(name);
    const names = model.adapter!.weights.names();
    const parameters = names.map((weight) => model.adapter!.weights.get(weight));
    const pass = (sums: () => tf.Tensor2D) => {
      let logProbs: Float32Array | undefined;
      let each: Float32Array | undefined;
      const { gradients } = valueAndGradients(() => {
        const policy = sums();
        logProbs = policy.dataSync() as Float32Array;
        const perPair = losses(policy);
        each = perPair.dataSync() as Float32Array;
        return tf.mean(perPair);
      }, parameters);
      return { logProbs: logProbs!, each: each!, gradients };
    };
    const expected = pass(() => separately(model, PAIRS));
    expect(expected.gradients.some((gradient) => tf.max(tf.abs(gradient)).dataSync()[0]! > 0.01)).toBe(true);
    for (const packedLength of [1, 40, 1000]) {
      for (const recompute of [false, true]) {
        const actual = pass(() => pairLogProbs(model, PAIRS, { recompute }, packedLength));
        const what = `rows of ${packedLength}${recompute ? ', recomputed' : ''}`;
        expectClose(actual.logProbs, expected.logProbs, TOLERANCE, `${what}: log-probabilities`);
        expectClose(actual.each, expected.each, TOLERANCE, `${what}: losses`);
        names.forEach((weight, i) => {
          expectClose(actual.gradients[i]!, expected.gradients[i]!, TOLERANCE, `${what}: ${weight}`);
        });
        tf.dispose(actual.gradients);
      }
    }
    model.dispose();
  });

  it('gives each response’s token log-probabilities in the order of the texts', () => {
    const model = modelOf('gemma/gemma3-a');
    const texts = PAIRS.map(textsOf);
    const { logProbs, response } = responseLogProbs(model, texts, {}, 1000);
    const counts = texts.flatMap(({ responses }) => responses.map(({ length }) => length));
    expect(Array.from(response)).toEqual(counts.flatMap((count, i) => new Array<number>(count).fill(i)));
    const alone = texts.flatMap(({ prompt, responses }) =>
      responses.flatMap((one) =>
        Array.from(responseLogProbs(model, [{ prompt, responses: [one] }], {}).logProbs.dataSync()),
      ),
    );
    expectClose(logProbs, alone, TOLERANCE);
    model.dispose();
  });

  it('recomputed layers keep less of a packed row, and give the same', () => {
    const model = modelOf('gemma/gemma2-a');
    const parameters = model.adapter!.weights.names().map((weight) => model.adapter!.weights.get(weight));
    const besides = [...parameters, ...model.weights.names().map((weight) => model.weights.get(weight))];
    const [plain, again] = [false, true].map((recompute) => {
      let bytes = 0;
      const { gradients } = valueAndGradients(() => {
        const sum = tf.tidy(() => tf.sum(pairLogProbs(model, PAIRS, { recompute })));
        bytes = keptBytes(besides);
        return sum;
      }, parameters);
      return { bytes, gradients };
    });
    expect(again!.bytes).toBeLessThan(plain!.bytes / 4);
    again!.gradients.forEach((gradient, i) => {
      expectClose(gradient, plain!.gradients[i]!, 1e-6, `gradient ${i}`);
    });
    model.dispose();
  });

  it('supervised fine-tuning has the same loss and gradients in packed rows', () => {
    const model = modelOf('gemma/gemma3-b');
    const dialogues = PAIRS.map(({ id, prompt, chosen }) => ({ id, prompt, response: chosen }));
    const [expected, actual] = [1, 1000].map((packedLength) => {
      const options = { epochs: 1, batchSize: 6, accumulation: 1, seed: 1, recompute: false, packedLength };
      const task = sftTask(model, model.adapter!.weights, dialogues, options);
      return valueAndGradients(
        () => task.loss(task.batches(0)[0]!, 0, () => {}),
        task.names.map((weight) => task.weights.get(weight)),
      );
    });
    expectClose(actual!.value, expected!.value, TOLERANCE, 'loss');
    actual!.gradients.forEach((gradient, i) => {
      expectClose(gradient, expected!.gradients[i]!, TOLERANCE, `gradient ${i}`);
    });
    model.dispose();
  });

  it('refuses what segments cannot say', () => {
    const model = modelOf('gemma/gemma3-a');
    const logProbs = (prompt: number[], responses: number[][]) => () =>
      responseLogProbs(model, [{ prompt, responses }], {});
    expect(logProbs([], [[4]])).toThrow('without a prompt');
    expect(logProbs([3], [[4], [5], [6]])).toThrow('no more than two');
    model.dispose();
  });
});

describe('packRows', () => {
  const cost = (rows: number[][], lengths: readonly number[]) => {
    const width = Math.max(...rows.map((row) => row.reduce((sum, i) => sum + lengths[i]!, 0)));
    return rows.length * width;
  };

  it('holds every text once, in rows within the limit, and pads no more than a row for each would', () => {
    for (let round = 0; round < 60; round++) {
      const key = randomKey('rows', round);
      const lengths = Array.from(
        { length: 1 + integerAt(key, 0, 20) },
        (_, i) => 1 + integerAt(key, i + 1, 300),
      );
      const limit = 1 + integerAt(key, 99, 900);
      const rows = packRows(lengths, limit);
      expect(rows.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, i) => i));
      for (const row of rows) {
        const tokens = row.reduce((sum, i) => sum + lengths[i]!, 0);
        if (row.length > 1) expect(tokens).toBeLessThanOrEqual(Math.max(limit, ...lengths));
      }
      expect(cost(rows, lengths)).toBeLessThanOrEqual(lengths.length * Math.max(...lengths));
      expect(packRows(lengths, limit)).toEqual(rows);
    }
  });

  it('puts short texts together beside a long one, and none together where all are alike', () => {
    expect(packRows([100, 30, 500, 200, 160], 1024)).toEqual([[2], [3, 4, 0, 1]]);
    expect(packRows([190, 190, 189, 190], 1024)).toEqual([[0], [1], [3], [2]]);
    expect(packRows([100, 30, 500], 1)).toEqual([[2], [0, 1]]);
    expect(packRows([7], 1)).toEqual([[0]]);
    expect(packRows([], 10)).toEqual([]);
  });
});
