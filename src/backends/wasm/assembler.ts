/** Just enough of WebAssembly's binary format to write numeric kernels in, as nested expressions. */

/** Encoded instructions. An expression leaves one value, a statement none. */
export type Code = readonly number[];
type ValueType = 'i32' | 'f32' | 'v128';

const TYPE_CODES: Record<ValueType, number> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  do {
    const low = value & 0x7f;
    value >>>= 7;
    bytes.push(value === 0 ? low : low | 0x80);
  } while (value !== 0);
  return bytes;
}

function signed(value: number): number[] {
  for (const bytes: number[] = []; ; ) {
    const low = value & 0x7f;
    value >>= 7;
    const last = (value === 0 && !(low & 0x40)) || (value === -1 && low & 0x40);
    bytes.push(last ? low : low | 0x80);
    if (last) return bytes;
  }
}

const section = (id: number, content: Code): number[] => [id, ...unsigned(content.length), ...content];
const vector = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const text = (value: string): number[] => [...unsigned(value.length), ...Buffer.from(value, 'latin1')];

const binary =
  (...opcode: number[]) =>
  (a: Code, b: Code): Code => [...a, ...b, ...opcode];
/** With the alignment that every kernel can promise: 4 bytes. */
const loadFrom =
  (...opcode: number[]) =>
  (address: Code, offset = 0): Code => [...address, ...opcode, 2, ...unsigned(offset)];
const storeTo =
  (...opcode: number[]) =>
  (address: Code, value: Code, offset = 0): Code => [...address, ...value, ...opcode, 2, ...unsigned(offset)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  lessThan: binary(0x48),
  equal: binary(0x46),
  shiftLeft: (a: Code, bits: number): Code => [...a, ...i32.const(bits), 0x74],
};

export const f32 = {
  const0: [0x43, 0, 0, 0, 0] as Code,
  load: loadFrom(0x2a),
  store: storeTo(0x38),
  add: binary(0x92),
  mul: binary(0x94),
};

export const v128 = {
  load: loadFrom(0xfd, 0x00),
  /** One float, in all four lanes. */
  loadSplat: loadFrom(0xfd, 0x09),
  store: storeTo(0xfd, 0x0b),
  zero: [0xfd, 0x0c, ...new Array<number>(16).fill(0)] as Code,
};

export const f32x4 = {
  add: binary(0xfd, 0xe4, 0x01),
  mul: binary(0xfd, 0xe6, 0x01),
  /** a·b + c, rounded once or twice as the processor likes (relaxed SIMD). */
  relaxedMultiplyAdd: (a: Code, b: Code, c: Code): Code => [...a, ...b, ...c, 0xfd, 0x85, 0x02],
  lane: (a: Code, lane: number): Code => [...a, 0xfd, 0x1f, lane],
  /** Lanes 0–3 pick from a, 4–7 from b. */
  shuffle: (a: Code, b: Code, lanes: readonly [number, number, number, number]): Code => [
    ...a,
    ...b,
    ...[0xfd, 0x0d],
    ...lanes.flatMap((lane) => [0, 1, 2, 3].map((byte) => lane * 4 + byte)),
  ],
};

export const loopWhile = (condition: Code, ...body: Code[]): Code => [
  ...[0x02, 0x40, 0x03, 0x40],
  ...[...condition, 0x45, 0x0d, 1],
  ...body.flat(),
  ...[0x0c, 0, 0x0b, 0x0b],
];
export const when = (condition: Code, body: Code[], otherwise: Code[] = []): Code => [
  ...[...condition, 0x04, 0x40],
  ...body.flat(),
  ...(otherwise.length > 0 ? [0x05, ...otherwise.flat()] : []),
  0x0b,
];
/** Both values are computed; the first is taken where the condition holds. */
export const select = (condition: Code, a: Code, b: Code): Code => [...a, ...b, ...condition, 0x1b];

/** A local variable or parameter. */
export interface Local {
  get: Code;
  set(value: Code): Code;
  add(value: Code): Code;
}

/** Declares locals while a function's body is written. */
export class Scope {
  readonly types: ValueType[] = [];
  constructor(readonly parameters: number) {}
  local(type: ValueType): Local {
    this.types.push(type);
    return localAt(this.parameters + this.types.length - 1);
  }
}

function localAt(index: number): Local {
  const get = [0x20, ...unsigned(index)];
  const set = (value: Code): Code => [...value, 0x21, ...unsigned(index)];
  return { get, set, add: (value) => set(i32.add(get, value)) };
}

/** A module over an imported memory, whose functions take i32 and return nothing. */
export class Module {
  private readonly functions: { name: string; parameters: number; types: ValueType[]; body: Code }[] = [];

  /** Defines and exports a function; what returns calls it. */
  define(
    name: string,
    parameters: number,
    body: (scope: Scope, ...parameters: Local[]) => Code[],
  ): (...values: Code[]) => Code {
    const scope = new Scope(parameters);
    const locals = Array.from({ length: parameters }, (_, index) => localAt(index));
    this.functions.push({ name, parameters, types: scope.types, body: body(scope, ...locals).flat() });
    const index = this.functions.length - 1;
    return (...values) => {
      if (values.length !== parameters) throw new Error(`${name} takes ${parameters} values`);
      return [...values.flat(), 0x10, ...unsigned(index)];
    };
  }

  encode(): Uint8Array<ArrayBuffer> {
    const { functions } = this;
    const types = functions.map(({ parameters }) => [
      ...[0x60, ...unsigned(parameters)],
      ...new Array<number>(parameters).fill(TYPE_CODES.i32),
      0,
    ]);
    const bodies = functions.map((each) => {
      const locals = vector(each.types.map((type) => [1, TYPE_CODES[type]]));
      const code = [...locals, ...each.body, 0x0b];
      return [...unsigned(code.length), ...code];
    });
    return Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, vector(types)),
      ...section(2, vector([[...text('env'), ...text('memory'), 0x02, 0x00, 0]])),
      ...section(3, vector(functions.map((_, index) => unsigned(index)))),
      ...section(7, vector(functions.map(({ name }, index) => [...text(name), 0x00, ...unsigned(index)]))),
      ...section(10, vector(bodies)),
    ]);
  }
}
