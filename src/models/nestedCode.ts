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
    const items = 2 ** exponent + 1;
    const power = 10 ** (exponent - (exponentBits - 1));
    for (let i = 0; i + 1 < items; i++) {
      // the middle of each of the equal parts of [0.1, 1]
      const left = lerp(i, items - 1);
      const right = lerp(i + 1, items - 1);
      const middle = ((left + right) / 2) * power;
      values.push(middle, -middle);
    }
  }
  return Float32Array.from(values).sort();
}

function lerp(i: number, last: number): number {
  return 0.1 + (0.9 * i) / last;
}
