import * as tf from '../backends/tf.js';
import type { TensorSource } from '../models/formats/safetensorsWriter.js';
import type { Weights } from '../models/weights.js';
import type { AdamwAttributes } from '../ops/adamw.js';
import { byteTensor, readBytes } from '../ops/bytes.js';
import { blocks8bit } from '../ops/dynamicMap.js';
import { runUntaped } from '../ops/op.js';
import { ops } from '../ops/table.js';
import { changesInPlace, owned } from '../ops/tensorflow/owned.js';

/** Where saved moments are read from: a safetensors file, for one. */
export interface MomentFile {
  floats(key: string): Float32Array;
  bytes(key: string): Uint8Array;
}

/** One tensor that AdamW keeps for each parameter. */
interface Part {
  zeros(parameter: tf.Tensor): tf.Tensor;
  source(part: tf.Tensor, parameter: tf.Tensor): TensorSource;
  read(file: MomentFile, key: string, parameter: tf.Tensor): tf.Tensor;
}

type Lists = { parameters: tf.Tensor[] } & { [part: string]: tf.Tensor[] };

/** What AdamW keeps, and the step that changes it. */
interface Form {
  /** By their names in the op and in files. */
  parts: Readonly<Record<string, Part>>;
  step(lists: Lists, gradients: tf.Tensor[], step: tf.Tensor, attributes: AdamwAttributes): Lists;
}

const floats = (shapeOf: (parameter: tf.Tensor) => number[]): Part => ({
  zeros: (parameter) => tf.zeros(shapeOf(parameter)),
  source: (part, parameter) => ({
    dtype: 'F32',
    shape: shapeOf(parameter),
    data: () => part.dataSync() as Float32Array,
  }),
  read: (file, key, parameter) => tf.tensor(file.floats(key), shapeOf(parameter)),
});

const bytes: Part = {
  zeros: ({ size }) => byteTensor(new Uint8Array(size)),
  source: (part, { shape, size }) => ({ dtype: 'U8', shape, data: () => readBytes(part, size) }),
  read: (file, key) => byteTensor(file.bytes(key)),
};

const shaped = floats(({ shape }) => shape);
const scales = floats(({ size }) => [blocks8bit(size)]);

const FORMS = {
  float: {
    parts: { m: shaped, v: shaped },
    step: ({ parameters, m, v }, gradients, step, attributes) =>
      runUntaped(ops.adamw, { parameters, gradients, m: m!, v: v!, step }, attributes),
  },
  bytes: {
    parts: { m: bytes, v: bytes, mAbsmax: scales, vAbsmax: scales },
    step: ({ parameters, m, v, mAbsmax, vAbsmax }, gradients, step, attributes) =>
      runUntaped(
        ops.adamw8bit,
        { parameters, gradients, m: m!, v: v!, mAbsmax: mAbsmax!, vAbsmax: vAbsmax!, step },
        attributes,
      ),
  },
} satisfies Record<string, Form>;

/** The moments of some parameters, all in the same form. Owns them; replaces the parameters in their store. */
export class Moments {
  private readonly form: Form;
  private readonly parts = new Map<string, tf.Tensor[]>();

  constructor(
    form: keyof typeof FORMS,
    private readonly weights: Weights,
    readonly names: readonly string[],
  ) {
    this.form = FORMS[form];
    for (const [part, { zeros }] of Object.entries(this.form.parts)) {
      this.parts.set(
        part,
        names.map((name) => tf.keep(tf.tidy(() => zeros(weights.get(name))))),
      );
    }
  }

  /** @param steps per parameter the four numbers that ops.adamw takes */
  apply(gradients: readonly tf.Tensor[], steps: readonly number[][], attributes: AdamwAttributes): void {
    if (this.names.length === 0) return;
    const all = this.names.map((_, i) => i);
    // what is not changed in place is there twice for a while: one parameter's at a time
    for (const group of changesInPlace() ? [all] : all.map((i) => [i])) {
      const lists: Lists = { parameters: group.map((i) => this.ownParameter(this.names[i]!)) };
      for (const part of this.parts.keys())
        lists[part] = group.map((i) => this.set(part, i, owned(this.get(part, i))));
      const step = tf.tensor2d(group.map((i) => steps[i]!));
      const given = group.map((i) => gradients[i]!);
      const { parameters, ...parts } = this.form.step(lists, given, step, attributes);
      step.dispose();
      group.forEach((i, at) => {
        this.weights.set(this.names[i]!, parameters[at]!);
        for (const [part, tensors] of Object.entries(parts)) this.set(part, i, tensors[at]!);
      });
    }
  }

  /** For a checkpoint: `m.<name>` and so on. */
  state(): [string, TensorSource][] {
    return [...this.parts].flatMap(([part, tensors]) =>
      this.names.map((name, i): [string, TensorSource] => [
        `${part}.${name}`,
        this.form.parts[part]!.source(tensors[i]!, this.weights.get(name)),
      ]),
    );
  }

  restore(file: MomentFile): void {
    for (const [part, { read }] of Object.entries(this.form.parts)) {
      this.names.forEach((name, i) => {
        this.set(part, i, read(file, `${part}.${name}`, this.weights.get(name)));
      });
    }
  }

  dispose(): void {
    for (const tensors of this.parts.values()) tf.dispose(tensors);
    this.parts.clear();
  }

  private get(part: string, i: number): tf.Tensor {
    return this.parts.get(part)![i]!;
  }

  private set(part: string, i: number, tensor: tf.Tensor): tf.Tensor {
    const tensors = this.parts.get(part)!;
    if (tensors[i] !== tensor) tensors[i]!.dispose();
    tensors[i] = tf.keep(tensor);
    return tensor;
  }

  private ownParameter(name: string): tf.Tensor {
    this.weights.set(name, owned(this.weights.get(name)));
    return this.weights.get(name);
  }
}
