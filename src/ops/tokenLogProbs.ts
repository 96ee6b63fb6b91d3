import * as tf from '../backends/tf.js';
import { type Kernel, native, type Op } from './op.js';
import { softCap, softCapSlope } from './softCap.js';
import { tokenLogProbsKernel } from './tensorflow/tokenLogProbs.js';

export type TokenLogProbsInputs = {
  /** [N, D], final hidden states */
  hidden: tf.Tensor;
  /** [V, D], the language-model head */
  weight: tf.Tensor;
  /** int32 [N], the token that follows each hidden state */
  targets: tf.Tensor;
};

export interface TokenLogProbsAttributes {
  /** Rows whose logits are alive at a time: memory is chunk · V instead of N · V. */
  chunk: number;
  /** Soft cap c of the logits: c · tanh(logit / c). */
  cap?: number;
}

const composed: Kernel<TokenLogProbsInputs, TokenLogProbsAttributes> = {
  forward({ hidden, weight, targets }, { chunk, cap }) {
    const V = weight.shape[0]!;
    return concatRows(
      chunks(hidden.shape[0]!, chunk).map(([begin, size]) =>
        tf.tidy(() => {
          const logits = logitsOf(hidden.slice([begin, 0], [size, -1]), weight, cap);
          const hot = oneHot(targets, begin, size, V);
          return tf.sub(tf.sum(tf.mul(logits, hot), 1), tf.logSumExp(logits, 1));
        }),
      ),
    );
  },
  gradient(dy, { hidden, weight, targets }, { chunk, cap }, _output, needs) {
    const V = weight.shape[0]!;
    const dHidden: tf.Tensor[] = [];
    let dWeight: tf.Tensor | undefined;
    for (const [begin, size] of chunks(hidden.shape[0]!, chunk)) {
      const [rows, weights] = tf.tidy(() => {
        const x = hidden.slice([begin, 0], [size, -1]);
        const logits = logitsOf(x, weight, cap);
        const difference = tf.sub(oneHot(targets, begin, size, V), tf.softmax(logits));
        const dCapped = tf.mul(difference, dy.slice([begin], [size]).expandDims(1));
        const dLogits = cap === undefined ? dCapped : tf.mul(dCapped, softCapSlope(logits, cap));
        return [
          needs('hidden') ? tf.matMul(dLogits, weight) : tf.zeros([0]),
          needs('weight') ? tf.matMul(dLogits, x, true, false) : tf.zeros([0]),
        ] as const;
      });
      dHidden.push(rows);
      const sum: tf.Tensor = dWeight ? tf.add(dWeight, weights) : weights;
      dWeight?.dispose();
      dWeight = sum;
    }
    return {
      hidden: needs('hidden') ? concatRows(dHidden) : undefined,
      weight: needs('weight') ? dWeight : undefined,
    };
  },
};

/** log softmax(hidden · weightᵀ)[target] per row: [N], the logits softly capped where asked for. */
export const tokenLogProbs: Op<TokenLogProbsInputs, TokenLogProbsAttributes> = {
  ...composed,
  keepsOutput: false,
  kernels: { tensorflow: native(tokenLogProbsKernel(composed)), wasm: null, cpu: null },
};

function logitsOf(rows: tf.Tensor, weight: tf.Tensor, cap: number | undefined): tf.Tensor2D {
  const logits = tf.matMul(rows, weight, false, true);
  return (cap === undefined ? logits : softCap(logits, cap)) as tf.Tensor2D;
}

function oneHot(targets: tf.Tensor, begin: number, size: number, depth: number): tf.Tensor {
  return tf.cast(tf.oneHot(targets.slice([begin], [size]) as tf.Tensor1D, depth), 'float32');
}

function chunks(rows: number, size: number): [begin: number, size: number][] {
  const result: [number, number][] = [];
  for (let begin = 0; begin < rows; begin += size) result.push([begin, Math.min(size, rows - begin)]);
  return result;
}

function concatRows(parts: tf.Tensor[]): tf.Tensor {
  return parts.length === 1 ? parts[0]! : tf.concat(parts, 0);
}
