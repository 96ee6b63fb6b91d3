/** Elements of a file that a tensor is made of. */
export interface View {
  readonly shape: readonly number[];
  /** Elements from one index to the next, per dimension. */
  readonly strides: readonly number[];
  /** How many elements the shape has. */
  readonly size: number;
  /** How many elements lie from the first to the last, both included. */
  readonly span: number;
  /** The first byte in the file. */
  readonly begin: number;
}

/** Whether the elements lie row-major without gaps. */
export function isContiguous({ shape, strides, size }: View): boolean {
  let expected = 1;
  for (let d = shape.length - 1; d >= 0; d--) {
    if (shape[d] !== 1 && strides[d] !== expected && size > 0) return false;
    expected *= shape[d]!;
  }
  return true;
}

/** A copy of a view's elements, `width` bytes each, row-major. `bytes` has all from the first to the last. */
export function gather(bytes: Uint8Array<ArrayBuffer>, view: View, width: number): Uint8Array<ArrayBuffer> {
  const result = new Uint8Array(view.size * width);
  const [from, to] = [elements(bytes, width), elements(result, width)];
  const { shape, strides } = view;
  const last = shape.length - 1;
  const [length, stride] = [shape[last]!, strides[last]!];
  const index = new Array<number>(last).fill(0);
  let start = 0;
  for (let row = 0; row < view.size; row += length) {
    for (let i = 0; i < length; i++) to[row + i] = from[start + i * stride]!;
    for (let d = last - 1; d >= 0; d--) {
      start += strides[d]!;
      if (++index[d]! < shape[d]!) break;
      start -= index[d]! * strides[d]!;
      index[d] = 0;
    }
  }
  return result;
}

function elements({ buffer }: Uint8Array<ArrayBuffer>, width: number): { [i: number]: number | bigint } {
  switch (width) {
    case 1:
      return new Uint8Array(buffer);
    case 2:
      return new Uint16Array(buffer);
    case 4:
      return new Uint32Array(buffer);
    default:
      return new BigUint64Array(buffer);
  }
}
