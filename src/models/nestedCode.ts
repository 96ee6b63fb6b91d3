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
