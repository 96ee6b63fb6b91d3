import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { parseGemmaConfig } from '../../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { responseLogProbs } from '../../src/models/gemma/responses.js';
import { initialiseWeights } from '../../src/models/initialise.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import { valueAndGradients } from '../../src/ops/autodiff.js';
import { run } from '../../src/ops/op.js';
import { ops } from '../../src/ops/table.js';
import { describeBackends, describeOps } from '../helpers/backends.js';
import { normal } from '../helpers/checkOp.js';
import { expectClose } from '../helpers/compare.js';
import { keptBytes } from '../helpers/kept.js';

const tensor = (name: string, shape: number[]) => tf.tensor(normal(name, shape).values, shape);
const LORA = { rank: 4, alpha: 8, dropout: 0, targetModules: 'all-linear' as const, rslora: false };
const FLOAT = 4;
const SIZE = 3 * 4 * FLOAT;

/** A kernel, and how many of its operands' matrices it keeps where x, y or both are trained. */
const CASES: Record<
  string,
  [f: (x: tf.Tensor, y: tf.Tensor) => tf.Tensor, kept: [byX: number, byY: number, byBoth: number]]
> = {
  add: [(x, y) => tf.add(x, y), [0, 0, 0]],
  'add, broadcast': [(x, y) => tf.add(x, tf.sum(y, 0)), [0, 0, 0]],
  subtract: [(x, y) => tf.sub(x, y), [0, 0, 0]],
  'add many': [(x, y) => tf.addN([x, y, x]), [0, 0, 0]],
  'concat and slice': [(x, y) => tf.concat([x, y], 0).slice([1, 1], [4, 2]), [0, 0, 0]],
  'sum and mean': [(x, y) => tf.add(tf.sum(x, 1), tf.mean(y, 1)), [0, 0, 0]],
  'reshape, expand, pad': [
    (x, y) =>
      tf.add(
        x.reshape([4, 3]).expandDims(0),
        tf
          .pad(y.reshape([6, 2]), [
            [0, 0],
            [0, 1],
          ])
          .slice([1, 0], [4, 3]),
      ),
    [0, 0, 0],
  ],
  multiply: [(x, y) => tf.mul(x, y), [1, 1, 2]],
  divide: [(x, y) => tf.div(x, y), [1, 2, 2]],
  'product of matrices': [(x, y) => tf.matMul(x, y, false, true), [1, 1, 2]],
  'product of transposed ones': [(x, y) => tf.matMul(x, y, true, false), [1, 1, 2]],
};

describeOps('what TensorFlow.js’s kernels keep for a backward pass', () => {
  it.each(Object.entries(CASES))(
    '%s: what the gradient reads, which comes out the same',
    (_name, [f, kept]) => {
      const [x, y] = [tensor('x', [3, 4]), tensor('y', [3, 4])];
      const expected = tf.grads((...[a, b]: tf.Tensor[]) => tf.sum(f(a!, b!)))([x, y]);
      [[0], [1], [0, 1]].forEach((which, i) => {
        const before = tf.memory().numTensors;
        let bytes = 0;
        const { value, gradients } = valueAndGradients(
          () => {
            // made in here, so that what is not kept is gone
            const result = tf.tidy(() => tf.sum(f(tf.mul(x, 1), tf.mul(y, 1))));
            bytes = keptBytes([]);
            return result;
          },
          which.map((w) => [x, y][w]!),
        );
        which.forEach((w, g) => {
          expectClose(gradients[g]!, expected[w]!, 1e-6, `gradient ${w}`);
        });
        tf.dispose([value, gradients]);
        expect(tf.memory().numTensors).toBe(before);
        // besides: the ones that x and y are multiplied by
        expect(bytes - which.length * FLOAT).toBe(kept[i]! * SIZE);
      });
    },
  );
});

describeOps('what truecast’s ops keep for a backward pass', () => {
  /** Bytes that an op keeps of inputs made within, where `trained` of them are. */
  function kept<N extends string>(
    shapes: Record<N, number[]>,
    trained: readonly NoInfer<N>[],
    forward: (inputs: NoInfer<Record<N, tf.Tensor>>) => tf.Tensor,
  ): number {
    const names = Object.keys(shapes) as N[];
    const xs = new Map(names.map((name) => [name, tensor(name, shapes[name])]));
    let bytes = 0;
    const { value, gradients } = valueAndGradients(
      () => {
        const made = Object.fromEntries(names.map((name) => [name, tf.add(xs.get(name)!, 1)])) as Record<
          N,
          tf.Tensor
        >;
        const result = tf.tidy(() => forward(made));
        bytes = keptBytes([]);
        return result;
      },
      trained.map((name) => xs.get(name)!),
    );
    for (const gradient of gradients) expect(gradient.dataSync().every(Number.isFinite)).toBe(true);
    tf.dispose([value, gradients]);
    return bytes / FLOAT;
  }

  it('nothing of inputs that are frozen, nor of those that the gradient does not read', () => {
    const norm = (inputs: { x: tf.Tensor; weight: tf.Tensor; bias: tf.Tensor }) =>
      run(ops.layerNorm, inputs, { epsilon: 1e-5 });
    const shapes = { x: [5, 8], weight: [8], bias: [8] };
    expect(kept(shapes, ['x'], norm)).toBe(40 + 8);
    expect(kept(shapes, [], norm)).toBe(0);
    const dropped = (inputs: { x: tf.Tensor }) => run(ops.dropout, inputs, { rate: 0.5, key: 3 });
    expect(kept({ x: [5, 8] }, ['x'], dropped)).toBe(0);
    const rotated = (inputs: { x: tf.Tensor; cos: tf.Tensor; sin: tf.Tensor }) => run(ops.rope, inputs, {});
    expect(kept({ x: [2, 3, 4, 6], cos: [2, 3, 6], sin: [2, 3, 6] }, ['x'], rotated)).toBe(2 * 36);
    const adapted = (inputs: { x: tf.Tensor; a: tf.Tensor; b: tf.Tensor }) =>
      run(ops.lora, inputs, { scale: 2 });
    const lora = { x: [5, 8], a: [2, 8], b: [6, 2] };
    expect(kept(lora, ['x'], adapted)).toBe(16 + 12);
    expect(kept(lora, ['x', 'a', 'b'], adapted)).toBeGreaterThanOrEqual(40 + 16 + 12);
  });
});

describeBackends('a step of a decoder with an adapter', (backend) => {
  it.each(['gemma2-a', 'gemma3-a'])('%s keeps what its layers’ gradients read, in bytes', (name) => {
    const raw = JSON.parse(readFileSync(`test/fixtures/gemma/${name}/config.json`, 'utf8'));
    const config = parseGemmaConfig(raw);
    const model = new GemmaForCausalLM(config);
    initialiseWeights(model.weights, model.expectedTensors(), 3);
    model.adapter = new LoraAdapter(LORA);
    model.adapter.initialise(model.linearLayers(), 1);
    const parameters = model.adapter.weights.names().map((weight) => model.adapter!.weights.get(weight));
    const besides = [...model.weights.names().map((weight) => model.weights.get(weight)), ...parameters];
    const ids = (length: number) => Array.from({ length }, (_, i) => 3 + ((i * 7) % 20));
    const [prompt, response] = [ids(9), ids(4)];
    const rows = [0, 1].map(() => ({ prompt, responses: [response] }));
    const kept = (recompute: boolean) => {
      let bytes = 0;
      const { value, gradients } = valueAndGradients(() => {
        const sum = tf.tidy(() => tf.sum(responseLogProbs(model, rows, { recompute }).logProbs));
        bytes = keptBytes(besides);
        return sum;
      }, parameters);
      tf.dispose([value, gradients]);
      return bytes / FLOAT;
    };
    const { hidden_size: D, intermediate_size: F, head_dim: d, num_hidden_layers: L } = config;
    const Q = config.num_attention_heads * d;
    const KV = config.num_key_value_heads * d;
    const N = 2 * (9 + 4);
    const R = 2 * 4;
    // the residual before attention and before the MLP, each once more after its norm, and what norms after them read
    const norms = (4 + (config.norms.afterAttention ? 1 : 0) + (config.norms.afterMlp ? 1 : 0)) * D;
    // what the norms of queries and keys read
    const queryKeyNorms = config.queryKeyNorms ? Q + KV : 0;
    // the adapter's inner products, and of attention a sum per head: where kernels of our own run
    const small = 7 * LORA.rank + config.num_attention_heads;
    // there a reshape is a tensor of its own over the same memory: attention's output is counted twice
    const reshaped = backend === 'tensorflow' ? Q : 0;
    // queries, keys, values and what attention makes of them; gate, up and their product
    const layer = norms + queryKeyNorms + Q + 2 * KV + Q + 3 * F + small + reshaped;
    const ropes = new Set(config.layers.map(({ rope }) => rope)).size;
    // per token: rotations, segments, positions (cut to windows: one of each a layer at most); the last norm's input and output
    const shared = ropes * 2 * d + 2 * L + 2 * D;
    // states and their slopes, tokens, places
    const rest = R * (2 * D + 2);
    expect(kept(false)).toBeLessThanOrEqual(N * (L * layer + shared) + rest);
    expect(kept(true)).toBeLessThanOrEqual(N * (L * D + shared) + rest);
    model.dispose();
  });
});
