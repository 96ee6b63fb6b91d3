/**
 * Half-precision numbers to float32 and back, bit by bit: subnormals, infinities and the payloads of NaNs stay.
 * Rounding is to the nearest, ties to even.
 */

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

/** Float32 bits of each of the 65,536 halves, made at first use. */
let halves: Uint32Array | undefined;

function halfWords(): Uint32Array {
  halves ??= Uint32Array.from({ length: 0x10000 }, (_, bits) => {
    const sign = (bits & 0x8000) << 16;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 31) return sign | 0x7f800000 | (fraction << 13);
    if (exponent > 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
    float[0] = fraction * 2 ** -24;
    return sign | word[0]!;
  });
  return halves;
}

function wordsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

export function halfToFloat(bits: number): number {
  word[0] = halfWords()[bits]!;
  return float[0]!;
}

export function bfloatToFloat(bits: number): number {
  word[0] = bits << 16;
  return float[0]!;
}

export function floatToBfloat(value: number): number {
  float[0] = value;
  return bfloatOfWord(word[0]!);
}

export function floatToHalf(value: number): number {
  float[0] = value;
  return halfOfWord(word[0]!);
}

/** F16 to float32, into `into`, which has as many elements. */
export function halvesToFloats(bits: Uint16Array, into: Float32Array): void {
  const [table, words] = [halfWords(), wordsOf(into)];
  for (let i = 0; i < bits.length; i++) words[i] = table[bits[i]!]!;
}

/** BF16 to float32, into `into`, which has as many elements. */
export function bfloatsToFloats(bits: Uint16Array, into: Float32Array): void {
  const words = wordsOf(into);
  for (let i = 0; i < bits.length; i++) words[i] = bits[i]! << 16;
}

/** Float32 to F16, beyond 65,504 to infinity, into `into`, which has as many elements. */
export function floatsToHalves(values: Float32Array, into: Uint16Array): void {
  const words = wordsOf(values);
  for (let i = 0; i < words.length; i++) into[i] = halfOfWord(words[i]!);
}

/** Float32 to BF16, into `into`, which has as many elements. */
export function floatsToBfloats(values: Float32Array, into: Uint16Array): void {
  const words = wordsOf(values);
  for (let i = 0; i < words.length; i++) into[i] = bfloatOfWord(words[i]!);
}

function bfloatOfWord(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

function halfOfWord(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00 | ((magnitude >> 13) & 0x3ff);
  // 65,520 and more round to infinity
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude >= 0x38800000) {
    return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
  }
  // below 2⁻²⁵ and on the tie there: zero
  if (magnitude <= 0x33000000) return sign;
  const shift = 126 - (magnitude >> 23);
  const fraction = (magnitude & 0x7fffff) | 0x800000;
  return sign | ((fraction + 2 ** (shift - 1) - 1 + ((fraction >> shift) & 1)) >> shift);
}
