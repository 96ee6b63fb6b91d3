import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { type CausalBatch, GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';

/** A prompt and the two texts that go on from it. */
const PAIRS = [
  {
    prompt: [5, 9, 13, 6, 40],
    branches: [
      [21, 22],
      [33, 34, 35, 36],
    ],
  },
  { prompt: [7, 8], branches: [[11, 12, 13, 14, 15], [16]] },
];
const PADDING = 2;

function batchOf(rows: { ids: number[]; segments: number[]; positions: number[] }[]): CausalBatch {
  const T = Math.max(...rows.map(({ ids }) => ids.length)) + PADDING;
  const matrix = (key: keyof (typeof rows)[0], padding: number) =>
    tf.tensor2d(
      rows.map((row) => Array.from({ length: T }, (_, i) => row[key][i] ?? padding)),
      [rows.length, T],
      'int32',
    );
  return { inputIds: matrix('ids', 0), segments: matrix('segments', -1), positions: matrix('positions', 0) };
}

/** Every branch behind its prompt in a row of its own. */
function separate() {
  return PAIRS.flatMap(({ prompt, branches }) =>
    branches.map((branch) => {
      const ids = [...prompt, ...branch];
      return { ids, segments: ids.map(() => 0), positions: ids.map((_, i) => i) };
    }),
  );
}

/** All in one row, each prompt once. */
function packed() {
  const row = { ids: [] as number[], segments: [] as number[], positions: [] as number[] };
  PAIRS.forEach(({ prompt, branches }, pair) => {
    [prompt, ...branches].forEach((ids, branch) => {
      ids.forEach((id, i) => {
        row.ids.push(id);
        row.segments.push(3 * pair + branch);
        row.positions.push((branch === 0 ? 0 : prompt.length) + i);
      });
    });
  });
  return [row];
}

/** The branches' places, one after another, among the rows of [B · T]. */
function places(T: number, packing: boolean): number[] {
  let row = 0;
  let begin = 0;
  return PAIRS.flatMap(({ prompt, branches }) => {
    if (packing) begin += prompt.length;
    return branches.flatMap((branch) => {
      const first = packing ? begin : row * T + prompt.length;
      begin += branch.length;
      row++;
      return branch.map((_, i) => first + i);
    });
  });
}

describeBackends('pairs behind shared prompts, packed into one row', () => {
  it.each(['gemma2-a', 'gemma3-a', 'gemma3-b'])('%s: the states and gradients of separate rows', (name) => {
    const raw = JSON.parse(readFileSync(`test/fixtures/gemma/${name}/config.json`, 'utf8'));
    // windows that end within the prompts, in the row and in the text at different places
    const model = new GemmaForCausalLM(parseGemmaConfig({ ...raw, sliding_window: 3 }));
    initialiseWeights(model.weights, model.expectedTensors(), 3);
    const names = model.weights.names();
    const pass = (rows: ReturnType<typeof packed>) => {
      const batch = batchOf(rows);
      const [B, T] = batch.inputIds.shape;
      const at = tf.tensor1d(places(T, B === 1), 'int32');
      return valueAndGradients(
        () => tf.gather(model.hiddenStates(batch, { recompute: true }).reshape([B * T, -1]), at),
        names.map((weight) => model.weights.get(weight)),
      );
    };
    const expected = pass(separate());
    const actual = pass(packed());
    expectClose(actual.value, expected.value, 1e-5, 'states');
    names.forEach((weight, i) => {
      expectClose(actual.gradients[i]!, expected.gradients[i]!, 5e-5, `gradient of ${weight}`);
    });
    expect(actual.value.shape[0]).toBe(12);
    model.dispose();
  });
});
