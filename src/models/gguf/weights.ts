import { TruecastError } from '../../support/errors.js';
import { GgufFile, type GgufTensor } from '../formats/gguf/file.js';
import type { TensorFile } from '../formats/tensorFile.js';
import type { Architecture } from './config.js';
import { isShifted, tensorName } from './names.js';

/** The tensors of a Gemma in a GGUF file under transformers' names, norms as transformers stores them. */
export class GgufWeights implements TensorFile {
  private constructor(
    private readonly file: GgufFile,
    /** The file's own names by transformers'. */
    private readonly names: ReadonlyMap<string, string>,
    readonly tensors: ReadonlyMap<string, GgufTensor>,
  ) {}

  /** @throws TruecastError, also where a tensor has a type that cannot be read */
  static open(path: string, architecture: Architecture): GgufWeights {
    const file = GgufFile.open(path);
    try {
      const names = new Map<string, string>();
      const tensors = new Map<string, GgufTensor>();
      for (const [stored, tensor] of file.tensors) {
        file.expectReadable(stored);
        const name = tensorName(stored, architecture);
        if (names.has(name)) {
          throw new TruecastError(
            `${path}: ${stored} and ${names.get(name)} are both ${name}`,
            'copy it again',
          );
        }
        names.set(name, stored);
        tensors.set(name, tensor);
      }
      return new GgufWeights(file, names, tensors);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get path(): string {
    return this.file.path;
  }

  floats(name: string): Float32Array {
    const values = this.file.floats(this.names.get(name) ?? name);
    if (isShifted(name)) for (let i = 0; i < values.length; i++) values[i]! -= 1;
    return values;
  }

  /** As the file has them: of norms, with one added. */
  bytes(name: string): Uint8Array {
    return this.file.bytes(this.names.get(name) ?? name);
  }

  close(): void {
    this.file.close();
  }
}
