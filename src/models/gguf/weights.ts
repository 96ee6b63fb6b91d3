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
    return unshifted(name, this.file.floats(this.stored(name)));
  }

  /** As floats, from element `first` on and as many as `into` holds. */
  floatsInto(name: string, into: Float32Array, first: number): void {
    this.file.floatsInto(this.stored(name), into, first);
    unshifted(name, into);
  }

  /** As the file has them: of norms, with one added. */
  bytes(name: string): Uint8Array {
    return this.file.bytes(this.stored(name));
  }

  close(): void {
    this.file.close();
  }

  private stored(name: string): string {
    return this.names.get(name) ?? name;
  }
}

/** A norm's values less one, in place; those of other tensors as they are. */
function unshifted(name: string, values: Float32Array): Float32Array {
  if (isShifted(name)) for (let i = 0; i < values.length; i++) values[i]! -= 1;
  return values;
}
