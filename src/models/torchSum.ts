const VECTOR = 8;
const AT_ONCE = 4;
const LEVELS = 4;

/**
 * The sum of float32 values in float32, added in the order in which PyTorch adds them on one thread of a CPU, so
 * that it rounds alike: 8 lanes of 4 running sums, each in levels of at least 16 addends. (PyTorch adds in another
 * order on a GPU, and in parts from 32,768 values on where it has several threads.)
 */
export function torchSum(values: Float32Array): number {
  const lanes = values.length < VECTOR ? 1 : VECTOR;
  const vectors = Math.floor(values.length / lanes);
  const steps = Math.floor(vectors / AT_ONCE);
  const [sums] = cascade(values, steps, lanes * AT_ONCE) as [Float32Array];
  for (let i = steps * sums.length; i < vectors * lanes; i++) sums[i % lanes]! += values[i]!;
  for (let k = lanes; k < sums.length; k++) sums[k % lanes]! += sums[k]!;
  const total = new Float32Array(1);
  for (let i = vectors * lanes; i < values.length; i++) total[0]! += values[i]!;
  for (let lane = 0; lane < lanes; lane++) total[0]! += sums[lane]!;
  return total[0]!;
}

/** Sums of every `width`-th value: a level's sums go up to the next once it has had 2^power addends. */
function cascade(values: Float32Array, steps: number, width: number): Float32Array[] {
  const power = Math.max(4, Math.floor((32 - Math.clz32(Math.max(steps, 2) - 1)) / LEVELS));
  const levels = Array.from({ length: LEVELS }, () => new Float32Array(width));
  const whole = steps - (steps % 2 ** power);
  for (let step = 0; step < steps; step++) {
    for (let k = 0; k < width; k++) levels[0]![k]! += values[step * width + k]!;
    const done = step + 1;
    if (done > whole || done % 2 ** power !== 0) continue;
    for (let level = 1; level < LEVELS; level++) {
      addInto(levels[level]!, levels[level - 1]!);
      levels[level - 1]!.fill(0);
      if (done % 2 ** (power * (level + 1)) !== 0) break;
    }
  }
  for (let level = 1; level < LEVELS; level++) addInto(levels[0]!, levels[level]!);
  return levels;
}

function addInto(sums: Float32Array, addends: Float32Array): void {
  for (let k = 0; k < sums.length; k++) sums[k]! += addends[k]!;
}
