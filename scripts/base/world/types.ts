/** The shapes that a world character shares with an authored one, and the shapes it is made from. */

export interface WorldStatement {
  id: string;
  text: string;
  /** The kind of fact, e.g. "pet". */
  attribute: string;
}

export interface WorldResponse {
  text: string;
  entails: string[];
  contradicts: string[];
}

export interface WorldQuery {
  id: string;
  text: string;
  /** Every statement that a good answer includes; the first is the target. */
  active: string[];
  borderline: string[];
  entailed: WorldResponse;
  neutral: WorldResponse;
  contradicted: WorldResponse;
}

export interface WorldCharacter {
  id: string;
  name: string;
  language: 'en' | 'zh';
  statements: WorldStatement[];
  queries: WorldQuery[];
}

export const tempers = ['brusque', 'chatty', 'formal', 'childish', 'poetic'] as const;
export type Temper = (typeof tempers)[number];

/** What the pools of a kind may depend on. */
export interface Person {
  full: string;
  short: string;
  /** The given name. */
  first: string;
  gender: 'f' | 'm';
  pronouns: Readonly<Record<'he' | 'his' | 'him' | 'himself', string>>;
  child: boolean;
  temper: Temper;
  setting: Setting;
}

export interface Setting {
  id: string;
  modern: boolean;
  years: readonly [first: number, last: number];
  jobs: readonly string[];
  dwellings: readonly string[];
  vehicles: readonly string[];
}

/**
 * A value is text such as "violin|fiddle;play the violin": fields are parted by ";", and the forms of a field,
 * which mean the same, by "|".
 */
export type Pool = readonly string[];
export type Values = Readonly<Record<string, string>>;
export type Slot = Pool | ((values: Values, person: Person) => Pool);

/** One way for a fact to be, e.g. "can" or "cannot"; most kinds have a single one. */
export interface Variant {
  weight?: (person: Person) => number;
  /** Statements in the third person; each mentions every slot of the variant. */
  says: readonly string[];
  /** Answers in the first person; each mentions every slot of the variant. A mark such as "[bk] " names tempers. */
  tells: readonly string[];
}

export interface Kind {
  id: string;
  /** Kinds of a group are asked for together ("Tell me about your family."). */
  group?: Group;
  /** A child has no such attribute. */
  adult?: true;
  slots: Readonly<Record<string, Slot>>;
  /** Slots that are the topic rather than the answer: queries may name them, and a wrong answer keeps them. */
  topicSlots?: readonly string[];
  /** Noun phrases that complete "Tell me about …". */
  topics: readonly string[];
  asks: readonly string[];
  variants: readonly Variant[];
  /** Sentences on the topic that say nothing about the speaker. */
  asides: readonly string[];
}

export type Group =
  | 'family'
  | 'home'
  | 'food'
  | 'work'
  | 'looks'
  | 'people'
  | 'art'
  | 'day'
  | 'past'
  | 'self';

/** What is true of a character, or is made up for a wrong answer. */
export interface Fact {
  kind: Kind;
  variant: number;
  values: Values;
}

/** A kind with a single variant, written without the list. */
export function kind(entry: Omit<Kind, 'variants'> & Variant): Kind {
  const { says, tells, weight, ...rest } = entry;
  return { ...rest, variants: [{ says, tells, ...(weight && { weight }) }] };
}
