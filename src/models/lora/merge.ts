import * as tf from '../../backends/tf.js';
import { TruecastError } from '../../support/errors.js';
import type { TensorSource } from '../formats/safetensorsWriter.js';
import type { TensorFile } from '../formats/tensorFile.js';
import { throughNf4 } from '../nf4Values.js';
import type { LoraAdapter } from './adapter.js';
import { adapterTensors } from './names.js';

/** A layer's weight with its adapter in it: W + scale · B A, [out, in]; of DoRA each row at its own length. */
export function mergedWeight(adapter: LoraAdapter, layer: string, weight: tf.Tensor2D): tf.Tensor2D {
  const adapted = adapter.layers.get(layer);
  if (!adapted) throw new Error(`${layer} has no adapter`);
  const names = adapterTensors(layer);
  return tf.tidy(() => {
    const product = tf.matMul(adapter.weights.get(names.b), adapter.weights.get(names.a));
    const merged = tf.add(weight, tf.mul(product, adapted.scale));
    if (!adapter.config.dora) return merged as tf.Tensor2D;
    const norms = tf.sqrt(tf.sum(tf.square(merged), 1));
    return tf.mul(merged, tf.div(adapter.weights.get(names.magnitude), norms).expandDims(1)) as tf.Tensor2D;
  });
}

export interface MergeOptions {
  dtype: 'F32' | 'BF16' | 'F16';
  /** What the base's linear layers are taken as: as they are, or quantised and back, as they were in training. */
  over: 'float' | 'nf4' | 'nf4-double';
  /** Our name of a tensor in the file. */
  rename: (name: string) => string;
  /** All linear layers of the base: name → [out, in]. */
  linear: ReadonlyMap<string, readonly number[]>;
}

/**
 * The tensors of a base with the adapter merged into them, under the file's names: read, merged and converted when
 * they are asked for.
 */
export function mergedTensors(
  file: TensorFile,
  adapter: LoraAdapter,
  { dtype, over, rename, linear }: MergeOptions,
): [name: string, tensor: TensorSource][] {
  return [...file.tensors].map(([name, { dtype: stored, shape }]) => {
    const layer = rename(name).replace(/\.weight$/, '');
    const data = () => {
      let values = file.floats(name);
      if (linear.has(layer)) {
        const size = shape as [number, number];
        // packed ones have been through it
        if (over !== 'float' && stored !== 'NF4') values = throughNf4(values, size, over === 'nf4-double');
        if (adapter.layers.has(layer)) values = merge(adapter, layer, values, size);
      }
      if (dtype === 'F16') checkHalf(values, name);
      return values;
    };
    return [name, { dtype, shape, data }];
  });
}

function merge(
  adapter: LoraAdapter,
  layer: string,
  values: Float32Array,
  shape: [number, number],
): Float32Array {
  const merged = tf.tidy(() => mergedWeight(adapter, layer, tf.tensor2d(values, shape)));
  const result = merged.dataSync() as Float32Array;
  merged.dispose();
  return result;
}

/** From here on F16 rounds to infinity. */
const BEYOND_HALF = 65_520;

function checkHalf(values: Float32Array, name: string): void {
  const lost = values.find((value) => Number.isFinite(value) && Math.abs(value) >= BEYOND_HALF);
  if (lost !== undefined)
    throw new TruecastError(`tensor ${name} has ${lost}, which F16 cannot hold`, 'use --dtype bf16 or f32');
}
