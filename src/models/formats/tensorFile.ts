/** What a weights file says of a tensor without reading it. */
export interface StoredTensor {
  /** The format's own name of the type, such as BF16 or Q4_K. */
  readonly dtype: string;
  readonly shape: readonly number[];
}

/**
 * A model's weights on disk, in whatever format and however many files. Names, types and shapes are known from the
 * start; values are read tensor by tensor, so that no more than one is in memory at a time.
 */
export interface TensorFile {
  /** For messages. */
  readonly path: string;
  /** By their names in Hugging Face transformers. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  /** A floating-point tensor as float32; quantised ones are dequantised. @throws TruecastError on damage */
  floats(name: string): Float32Array;
  /**
   * As floats, from element `first` on and as many as `into` holds. A format that cannot read a part of a tensor
   * leaves it out; call `readFloats`.
   *
   * @throws TruecastError on damage
   */
  floatsInto?(name: string, into: Float32Array, first: number): void;
  /** The tensor's bytes as they are stored. @throws TruecastError on damage */
  bytes(name: string): Uint8Array;
  close(): void;
}

/** A floating-point tensor, or as much of it from element `first` on as `into` holds, as float32 into `into`. */
export function readFloats(file: TensorFile, name: string, into: Float32Array, first = 0): void {
  if (file.floatsInto) file.floatsInto(name, into, first);
  else into.set(file.floats(name).subarray(first, first + into.length));
}
