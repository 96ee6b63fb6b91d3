/** Half-precision numbers to float32 and back (round to nearest, ties to even). */

const buffer = new DataView(new ArrayBuffer(4));

export function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function bfloatToFloat(bits: number): number {
  buffer.setUint32(0, bits << 16);
  return buffer.getFloat32(0);
}

export function floatToBfloat(value: number): number {
  buffer.setFloat32(0, value);
  const bits = buffer.getUint32(0);
  if (Number.isNaN(value)) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}
