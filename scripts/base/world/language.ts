import type { Dice } from './dice.js';
import type { Group, Kind, Person, Temper } from './types.js';

/** Everything that differs between the languages of the world. */
export interface Language {
  code: 'en' | 'zh';
  kinds: readonly Kind[];
  person: (dice: Dice) => Person;
  topicFrames: readonly string[];
  jointFrames: readonly string[];
  groupQueries: Partial<Record<Group, readonly string[]>>;
  scenes: readonly string[];
  colour: Readonly<Record<Temper, readonly string[]>>;
  openers: Readonly<Record<Temper, readonly string[]>>;
  closers: Readonly<Record<Temper, readonly string[]>>;
  /** Between sentences. */
  gap: string;
  /** A query with the name of whom it is put to. */
  address: (query: string, name: string, dice: Dice) => string;
}
