/** What one value of each scalar type is in TypeScript. float64 is finite: JSON has no NaN. */
interface Scalars {
  utf8: string;
  int8: number;
  int32: number;
  float64: number;
  bool: boolean;
}
export type ScalarType = keyof Scalars;

/** A scalar, `[]` for a list of it, `?` at the end for a value that may be null. */
export type ColumnType = ScalarType | `${ScalarType}[]` | `${ScalarType}?` | `${ScalarType}[]?`;

/** A column of a few known values. */
export interface OneOf<Value> {
  readonly scalar: ScalarType;
  readonly values: readonly Value[];
}

type Value<C> =
  C extends OneOf<infer V>
    ? V
    : C extends `${infer Inner}?`
      ? Value<Inner> | null
      : C extends `${infer Inner extends ScalarType}[]`
        ? Scalars[Inner][]
        : C extends ScalarType
          ? Scalars[C]
          : never;

export interface Column {
  readonly name: string;
  readonly scalar: ScalarType;
  readonly list: boolean;
  readonly nullable: boolean;
  /** The only values allowed, where the schema names them. */
  readonly values?: readonly unknown[];
}

/** A table's identity and columns; `Row` is what one row is in TypeScript. */
export interface TableSchema<Row extends object> {
  /** `name/version`, e.g. `truecast.nli/1`: the version is raised when a column changes. */
  readonly id: string;
  readonly columns: readonly Column[];
  /** Never set: it carries the type. */
  readonly row?: Row;
}

export type RowOf<S> = S extends TableSchema<infer Row> ? Row : never;

type Columns = Record<string, ColumnType | OneOf<unknown>>;

/** The schema of a table, with the row's type inferred from its columns (kept in this order). */
export function defineTable<const C extends Columns>(
  id: string,
  columns: C,
): TableSchema<{ -readonly [K in keyof C]: Value<C[K]> }> {
  return { id, columns: Object.entries(columns).map(([name, type]) => column(name, type)) };
}

/** A column that holds one of a few values. */
export function oneOf<T extends ScalarType, const V extends Scalars[T]>(scalar: T, ...values: V[]): OneOf<V> {
  return { scalar, values };
}

/** What is wrong with a row, one entry per key; empty when it fits. A nullable key may be left out. */
export function rowProblems(schema: TableSchema<object>, row: unknown): string[] {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    return [`expected an object with the keys ${schema.columns.map(({ name }) => name).join(', ')}`];
  }
  const record = row as Record<string, unknown>;
  const known = new Set(schema.columns.map(({ name }) => name));
  const problems: string[] = [];
  for (const key of Object.keys(record)) {
    if (!known.has(key)) problems.push(`unknown key ${JSON.stringify(key)}`);
  }
  for (const column of schema.columns) {
    const value = record[column.name];
    if (!Object.hasOwn(record, column.name)) {
      if (!column.nullable) problems.push(`missing key ${JSON.stringify(column.name)}`);
    } else if (!fits(value, column)) {
      problems.push(`${JSON.stringify(column.name)}: expected ${describe(column)}, got ${shorten(value)}`);
    }
  }
  return problems;
}

/** A column's type in words, for messages. */
export function describe({ scalar, list, nullable, values }: Column): string {
  const one = values === undefined ? scalar : `one of ${values.map((v) => JSON.stringify(v)).join(', ')}`;
  return `${list ? `a list of ${one}` : one}${nullable ? ' or null' : ''}`;
}

function column(name: string, type: ColumnType | OneOf<unknown>): Column {
  if (typeof type !== 'string') return { name, list: false, nullable: false, ...type };
  const nullable = type.endsWith('?');
  const bare = nullable ? type.slice(0, -1) : type;
  const list = bare.endsWith('[]');
  return { name, scalar: (list ? bare.slice(0, -2) : bare) as ScalarType, list, nullable };
}

function fits(value: unknown, { scalar, list, nullable, values }: Column): boolean {
  if (value === null) return nullable;
  if (list) return Array.isArray(value) && value.every((item) => fitsScalar(item, scalar));
  return fitsScalar(value, scalar) && (values === undefined || values.includes(value));
}

function fitsScalar(value: unknown, scalar: ScalarType): boolean {
  switch (scalar) {
    case 'utf8':
      // Half of a surrogate pair has no UTF-8 form: it would come back as another text.
      return typeof value === 'string' && !/\p{Surrogate}/u.test(value);
    case 'bool':
      return typeof value === 'boolean';
    case 'float64':
      return Number.isFinite(value);
    case 'int8':
      return Number.isInteger(value) && (value as number) >= -128 && (value as number) <= 127;
    case 'int32':
      return Number.isInteger(value) && ((value as number) | 0) === value;
  }
}

function shorten(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
