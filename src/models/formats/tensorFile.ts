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
  /**
   * A floating-point tensor as float32; quantised ones are dequantised.
   *
   * @param into an array of the tensor's size for the values, so that none is made
   * @throws TruecastError on damage
   */
  floats(name: string, into?: Float32Array): Float32Array;
  /** The tensor's bytes as they are stored. @throws TruecastError on damage */
  bytes(name: string): Uint8Array;
  close(): void;
}
