/**
 * The 256-entry map of bitsandbytes' 8-bit quantisation (Dettmers 2016, "dynamic tree" numbers): a sign, a
 * unary exponent of powers of ten, and a linear fraction in what bits are left; sorted.
 */
export function nestedCode(): Float32Array {
  map ??= create();
  return map;
}

let map: Float32Array | undefined;

function create(): Float32Array {
  const exponentBits = 7;
  const values: number[] = [0, 1];
  for (let exponent = 0; exponent < exponentBits; exponent++) {
    const ends = linspace(2 ** exponent + 1);
    const power = Math.fround(10 ** (exponent - (exponentBits - 1)));
    for (let i = 0; i + 1 < ends.length; i++) {
      // the middle of each of the equal parts of [0.1, 1]
      const middle = Math.fround(Math.fround(Math.fround(ends[i]! + ends[i + 1]!) / 2) * power);
      values.push(middle, -middle);
    }
  }
  return Float32Array.from(values).sort();
}

/** As torch.linspace(0.1, 1, n) rounds in float32: from both ends towards the middle, multiply and add fused. */
function linspace(n: number): number[] {
  const [start, end] = [Math.fround(0.1), 1];
  const step = Math.fround(Math.fround(end - start) / (n - 1));
  return Array.from({ length: n }, (_, i) =>
    Math.fround(i < n / 2 ? start + step * i : end - step * (n - 1 - i)),
  );
}

const STEPS = 65536;

let nearest: Uint8Array | undefined;

/**
 * Index of the map's entry nearest to a value in [−1, 1], as bitsandbytes finds it on a CPU: the value goes
 * to the nearest of 65,536 steps, and that to the nearest entry. (Where two entries are equally near, to 2⁻¹⁵,
 * which is one value in a thousand, it may be the other than the nearest, which its GPU kernel takes.)
 */
export function nestedIndex(value: number): number {
  nearest ??= Uint8Array.from({ length: STEPS }, (_, i) => nearestEntry((2 * i) / (STEPS - 1) - 1));
  const step = Math.floor(Math.fround(Math.fround(Math.fround(value + 1) * ((STEPS - 1) / 2)) + 0.5));
  return nearest[Math.min(Math.max(step, 0), STEPS - 1)]!;
}

function nearestEntry(value: number): number {
  const map = nestedCode();
  let right = map.findIndex((entry) => entry >= value);
  if (right < 0) right = map.length - 1;
  return right > 0 && value - map[right - 1]! <= map[right]! - value ? right - 1 : right;
}
