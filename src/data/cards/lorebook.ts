import type { z } from 'zod';
import { bookSchema, checked, type entrySchema, type worldEntrySchema, worldInfoSchema } from './schema.js';

/** A thing that is told to the model when one of its keys comes up. */
export interface LoreEntry {
  /** Its place among the entries as the file has them. */
  index: number;
  id?: string;
  /** How its author calls it: never told to the model. */
  name?: string;
  comment?: string;
  keys: string[];
  secondaryKeys: string[];
  selective: boolean;
  useRegex: boolean;
  /** Told always, whatever its keys. */
  constant: boolean;
  enabled: boolean;
  insertionOrder?: number;
  priority?: number;
  /** What is told, without decorators. */
  content: string;
  /** Lines of V3 that begin with @@, or with @@@ for the fallback of the one before, as they stand. */
  decorators: string[];
  /** Lines that stand before the content in the file. */
  linesBefore: number;
  raw: Readonly<Record<string, unknown>>;
}

export interface Lorebook {
  name?: string;
  description?: string;
  entries: LoreEntry[];
  raw: Readonly<Record<string, unknown>>;
}

export function lorebookOf(book: z.infer<typeof bookSchema>): Lorebook {
  return {
    ...named('name', book.name),
    ...named('description', book.description),
    entries: book.entries.map(bookEntry),
    raw: book,
  };
}

/** Whether a JSON value is a lorebook of its own: SillyTavern's world info, or V3's lorebook_v3. */
export function isWorldInfo(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { spec, entries } = value as { spec?: unknown; entries?: unknown };
  return (
    spec === 'lorebook_v3' ||
    (typeof entries === 'object' &&
      entries !== null &&
      !('name' in value && 'description' in value && 'first_mes' in value))
  );
}

/** @throws TruecastError that names the keys that are wrong */
export function worldInfo(value: unknown, where: string): Lorebook {
  const { spec, data } = value as { spec?: unknown; data?: unknown };
  if (spec === 'lorebook_v3') return lorebookOf(checked(bookSchema, data, where, ['data']));
  const { entries } = value as { entries: object };
  // a book as cards have it, alone in a file
  if (
    Array.isArray(entries) &&
    entries.every((entry) => typeof entry === 'object' && entry && 'keys' in entry)
  )
    return lorebookOf(checked(bookSchema, value, where));
  const world = checked(worldInfoSchema, value, where);
  return {
    ...named('name', world.name),
    ...named('description', world.description),
    entries: Object.values(world.entries).map(worldEntry),
    raw: world,
  };
}

function bookEntry(entry: z.infer<typeof entrySchema>, index: number): LoreEntry {
  const { secondary_keys: secondary } = entry;
  return {
    index,
    ...named('id', entry.id?.toString()),
    ...named('name', entry.name),
    ...named('comment', entry.comment),
    keys: entry.keys ?? [],
    secondaryKeys:
      typeof secondary === 'string' ? secondary.split(',').map((key) => key.trim()) : (secondary ?? []),
    selective: entry.selective ?? false,
    useRegex: entry.use_regex ?? false,
    constant: entry.constant ?? false,
    enabled: entry.enabled ?? true,
    ...named('insertionOrder', entry.insertion_order),
    ...named('priority', entry.priority),
    ...withoutDecorators(entry.content),
    raw: entry,
  };
}

function worldEntry(entry: z.infer<typeof worldEntrySchema>, index: number): LoreEntry {
  return {
    index,
    ...named('id', entry.uid?.toString()),
    ...named('comment', entry.comment),
    keys: entry.key ?? [],
    secondaryKeys: entry.keysecondary ?? [],
    selective: entry.selective ?? false,
    useRegex: false,
    constant: entry.constant ?? false,
    enabled: !(entry.disable ?? false),
    ...named('insertionOrder', entry.order),
    ...withoutDecorators(entry.content),
    raw: entry,
  };
}

/** V3: decorators are the lines at the beginning that begin with @@; line breaks around them go with them. */
function withoutDecorators(content: string): Pick<LoreEntry, 'content' | 'decorators' | 'linesBefore'> {
  const lines = content.split(/\r?\n/);
  const decorators: string[] = [];
  let at = 0;
  for (; at < lines.length; at++) {
    const line = lines[at]!.trim();
    if (line.startsWith('@@')) decorators.push(line);
    else if (line !== '') break;
  }
  if (decorators.length === 0) return { content, decorators, linesBefore: 0 };
  return { content: lines.slice(at).join('\n'), decorators, linesBefore: at };
}

/** A key that is there only where its value is. */
export function named<K extends string, V>(key: K, value: V | null | undefined): { [k in K]?: V } {
  return value === null || value === undefined || value === '' ? {} : ({ [key]: value } as { [k in K]: V });
}
