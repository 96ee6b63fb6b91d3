import * as tf from '../tf.js';
import { executeOp, tensorId } from './raw.js';

/** Elements that are on their way at a time: 4 MiB. */
const PART = 2 ** 20;

/**
 * A float32 tensor whose values `fill` gives some rows at a time, for a moment each: `part` is the array for them,
 * `first` the index of its first element. A tensor that tfjs makes of an array of all values keeps that until an op
 * asks for it, and TensorFlow then copies it.
 */
export function fillTensor(
  shape: readonly number[],
  fill: (part: Float32Array, first: number) => void,
): tf.Tensor {
  const rows = shape[0] ?? 1;
  const width = tf.util.sizeFromShape(shape.slice(1));
  if (shape.length < 2 || rows * width <= PART) {
    const values = partArray(rows * width);
    fill(values, 0);
    return settled(tf.tensor(values, [...shape]));
  }
  const atATime = Math.max(1, Math.floor(PART / width));
  return tf.tidy(() => {
    const size = tf.tensor1d([...shape], 'int32');
    let whole = executeOp('Empty', [size], { dtype: { type: 'float32' }, init: { bool: false } });
    for (let row = 0; row < rows; row += atATime) {
      const end = Math.min(row + atATime, rows);
      const values = partArray((end - row) * width);
      fill(values, row * width);
      const updated = tf.tidy(() => {
        const part = settled(tf.tensor(values, [end - row, ...shape.slice(1)]));
        // the output is the input's memory with these rows written
        return executeOp('InplaceUpdate', [whole, tf.range(row, end, 1, 'int32'), part]);
      });
      whole.dispose();
      whole = updated;
    }
    return whole;
  });
}

let shared: Float32Array | undefined;

/** An array for a part, the same one each time where TensorFlow copies what it is given. */
function partArray(size: number): Float32Array {
  if (size > PART) return new Float32Array(size);
  shared ??= misaligned(PART);
  return copiesMisaligned() ? shared.subarray(0, size) : new Float32Array(size);
}

/** TensorFlow takes over arrays that begin where its vector instructions want them, and copies others. */
function misaligned(size: number): Float32Array {
  return new Float32Array(size + 1).subarray(1);
}

let copies: boolean | undefined;

function copiesMisaligned(): boolean {
  copies ??= tf.tidy(() => {
    const values = misaligned(PART);
    const tensor = settled(tf.tensor(values));
    values[0] = 1;
    return tensor.slice([0], [1]).dataSync()[0] === 0;
  });
  return copies;
}

/** Hands a tensor's values to TensorFlow now, not when an op first asks for them; other backends have them. */
export function settled<T extends tf.Tensor>(tensor: T): T {
  if (tf.getBackend() === 'tensorflow') tensorId(tensor);
  return tensor;
}
