/** What a pickle can hold here, besides null, booleans, numbers and strings. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Tuple
  | List
  | Dict
  | Global
  | Persistent
  | Rebuilt;

export class Tuple {
  constructor(readonly items: readonly PickleValue[]) {}
}

export class List {
  readonly items: PickleValue[] = [];
}

/** A dict or an OrderedDict. */
export class Dict {
  readonly entries = new Map<PickleValue, PickleValue>();
  constructor(readonly ordered: boolean) {}
}

/** The name of something in a Python module: never looked up, only compared with names that are known. */
export class Global {
  constructor(readonly name: string) {}
}

/** What a persistent id stands for, as the caller resolved it. */
export class Persistent {
  constructor(readonly value: unknown) {}
}

/** What a known function gave, as the caller interpreted the call. */
export class Rebuilt {
  constructor(readonly value: unknown) {}
}

/** For messages: the kind of a value, with a short one itself. */
export function kindOf(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'None';
  if (value instanceof Tuple) return 'a tuple';
  if (value instanceof List) return 'a list';
  if (value instanceof Dict) return 'a dict';
  if (value instanceof Global) return value.name;
  if (value instanceof Persistent) return 'a storage';
  if (value instanceof Rebuilt) return 'a tensor';
  if (typeof value === 'string') return 'a text';
  return typeof value === 'boolean' ? 'a boolean' : `the number ${String(value).slice(0, 32)}`;
}
