/**
 * The dynamic map of 8 bits (Dettmers 2015, "8-bit approximations for parallelism in deep learning"; Dettmers et al.
 * 2022, "8-bit optimizers via block-wise quantization"): seven decades up to 1, each with twice the values of the one
 * below, at the middles of equal parts of [0.1, 1]; and 0 and 1.
 */

/** Elements that share a scale, their largest magnitude. */
export const BLOCK_8BIT = 256;

const DECADES = 7;

/** The 256 values that codes stand for, ascending. */
export function dynamicMap(signed: boolean): Float32Array {
  const values = [0, 1];
  for (let decade = 0; decade < DECADES; decade++) {
    const parts = signed ? 2 ** decade : 2 ** (decade + 1);
    const edges = linspace(0.1, 1, parts + 1);
    const scale = Math.fround(10 ** (decade + 1 - DECADES));
    for (let i = 0; i < parts; i++) {
      const value = Math.fround(scale * Math.fround(Math.fround(edges[i]! + edges[i + 1]!) / 2));
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return Float32Array.from(values).sort();
}

/** In float32 and from both ends, as PyTorch makes it. */
function linspace(from: number, to: number, count: number): Float32Array {
  const [start, end] = [Math.fround(from), Math.fround(to)];
  const step = Math.fround(Math.fround(end - start) / (count - 1));
  return Float32Array.from({ length: count }, (_, i) =>
    i < count / 2 ? start + step * i : end - step * (count - 1 - i),
  );
}

/** Blocks of a tensor of so many elements. */
export function blocks8bit(size: number): number {
  return Math.ceil(size / BLOCK_8BIT);
}

export const SIGNED_MAP = dynamicMap(true);
export const UNSIGNED_MAP = dynamicMap(false);

/** code → value, of one block. */
export function dequantizeBlock(
  codes: Uint8Array,
  absmax: number,
  map: Float32Array,
  into: Float32Array,
): void {
  for (let i = 0; i < codes.length; i++) into[i] = map[codes[i]!]! * absmax;
}

/** Values → the codes nearest to them as shares of the largest magnitude, which is returned. */
export function quantizeBlock(values: Float32Array, map: Float32Array, into: Uint8Array): number {
  let absmax = 0;
  for (const value of values) absmax = Math.max(absmax, Math.abs(value));
  for (let i = 0; i < values.length; i++) {
    into[i] = nearest(absmax === 0 ? 0 : Math.fround(values[i]! / absmax), map);
  }
  return absmax;
}

/** The code nearest to x; the lower one in the middle between two. */
function nearest(x: number, map: Float32Array): number {
  let [low, high] = [0, map.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x > Math.fround(Math.fround(map[middle]! + map[middle + 1]!) / 2)) low = middle + 1;
    else high = middle;
  }
  return low;
}
