import { TruecastError } from '../../support/errors.js';
import { type Lorebook, lorebookOf, named } from './lorebook.js';
import { type CardData, cardDataSchema, cardSchema, checked } from './schema.js';

/** A character card, whatever its version and the file that it is in. Texts have their macros as written. */
export interface CharacterCard {
  version: 1 | 2 | 3;
  /** As the card says, "2.0" say. */
  specVersion?: string;
  name: string;
  /** V3: what {{char}} stands for instead of the name. */
  nickname?: string;
  description: string;
  personality: string;
  scenario: string;
  firstMessage: string;
  exampleMessages: string;
  systemPrompt: string;
  postHistoryInstructions: string;
  alternateGreetings: string[];
  groupOnlyGreetings: string[];
  creatorNotes: string;
  creator: string;
  characterVersion: string;
  tags: string[];
  lorebook?: Lorebook;
  assets: CardAsset[];
  /** The card's JSON, with all that is not named above. */
  raw: Readonly<Record<string, unknown>>;
}

export interface CardAsset {
  type: string;
  uri: string;
  name: string;
  ext: string;
}

/** The key of each field in a card's JSON. */
export const CARD_KEYS = {
  name: 'name',
  nickname: 'nickname',
  description: 'description',
  personality: 'personality',
  scenario: 'scenario',
  firstMessage: 'first_mes',
  exampleMessages: 'mes_example',
  systemPrompt: 'system_prompt',
  postHistoryInstructions: 'post_history_instructions',
  alternateGreetings: 'alternate_greetings',
  groupOnlyGreetings: 'group_only_greetings',
  creatorNotes: 'creator_notes',
  creator: 'creator',
  characterVersion: 'character_version',
  tags: 'tags',
} as const;
export type CardField = keyof typeof CARD_KEYS;

const V1_FIELDS: readonly CardField[] = [
  'name',
  'description',
  'personality',
  'scenario',
  'firstMessage',
  'exampleMessages',
];
const V3_FIELDS: readonly CardField[] = ['nickname', 'groupOnlyGreetings'];

/** Fields that cards of a version have. */
export function fieldsOf(version: 1 | 2 | 3): CardField[] {
  const all = Object.keys(CARD_KEYS) as CardField[];
  if (version === 1) return [...V1_FIELDS];
  return version === 3 ? all : all.filter((field) => !V3_FIELDS.includes(field));
}

/** Which version of a card a JSON value claims to be; undefined where it is none. */
export function cardVersion(value: unknown): 1 | 2 | 3 | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const { spec } = value as { spec?: unknown };
  if (spec === 'chara_card_v3') return 3;
  if (spec === 'chara_card_v2') return 2;
  if (spec !== undefined) return undefined;
  const known = V1_FIELDS.filter((field) => CARD_KEYS[field] in value);
  return 'name' in value && known.length >= 3 ? 1 : undefined;
}

/**
 * The card in a JSON value (spec chara_card_v3, chara_card_v2, or none: V1, whose keys stand at the top).
 * @throws TruecastError that names the keys that are wrong; `where` is the file, or the part of it
 */
export function cardOf(value: unknown, where: string): CharacterCard {
  const version = cardVersion(value);
  if (version === undefined) {
    const spec = (value as { spec?: unknown } | null)?.spec;
    throw new TruecastError(
      `no character card: ${where}${spec === undefined ? '' : `: its spec is ${JSON.stringify(spec)?.slice(0, 60)}`}`,
      'give a card of version 1, 2 or 3 (JSON with name, description, personality, …)',
    );
  }
  const raw = value as Record<string, unknown>;
  const data: CardData =
    version === 1 ? checked(cardSchema, raw, where) : checked(cardDataSchema, raw.data, where, ['data']);
  return {
    version,
    ...named('specVersion', typeof raw.spec_version === 'string' ? raw.spec_version : undefined),
    ...fields(data, version),
    raw,
  };
}

function fields(data: CardData, version: 1 | 2 | 3): Omit<CharacterCard, 'version' | 'specVersion' | 'raw'> {
  // keys of later versions in a V1 card are nobody's: they stay in raw
  const later: Partial<CardData> = version === 1 ? {} : data;
  return {
    name: data.name,
    ...named('nickname', version === 3 ? later.nickname : undefined),
    description: data.description ?? '',
    personality: data.personality ?? '',
    scenario: data.scenario ?? '',
    firstMessage: data.first_mes ?? '',
    exampleMessages: data.mes_example ?? '',
    systemPrompt: later.system_prompt ?? '',
    postHistoryInstructions: later.post_history_instructions ?? '',
    alternateGreetings: later.alternate_greetings ?? [],
    groupOnlyGreetings: later.group_only_greetings ?? [],
    creatorNotes: later.creator_notes ?? '',
    creator: later.creator ?? '',
    characterVersion: later.character_version ?? '',
    tags: later.tags ?? [],
    ...(later.character_book ? { lorebook: lorebookOf(later.character_book) } : {}),
    assets: (later.assets ?? []).map(({ type, uri, name, ext }) => ({ type, uri, name, ext })),
  };
}
