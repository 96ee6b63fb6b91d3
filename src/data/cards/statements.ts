import { basename, extname } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { languageOf } from '../language.js';
import { hasWords } from './attributes.js';
import type { CharacterCard } from './card.js';
import { type CardPart, type CardStatement, Collector, type LeftOut } from './collector.js';
import type { Lorebook, LoreEntry } from './lorebook.js';
import { resolveMacros, userName } from './macros.js';
import { clean } from './wording.js';

export interface CardPersona {
  name: string;
  language: string;
  statements: CardStatement[];
  /** What {{user}} says in example dialogues. */
  queries: string[];
  leftOut: LeftOut[];
}

const PERSONALITY: Record<string, string> = { en: 'personality', zh: '性格', ja: '性格' };

/** The name that a persona of the card has, which {{char}} stands for, too. */
export function cardName(card: CharacterCard): string {
  return clean(card.nickname?.trim() ? card.nickname : card.name);
}

/** Texts of the card that people wrote about the character, by which its language is told. */
export function cardLanguage(card: CharacterCard): string | undefined {
  const { description, personality, scenario, firstMessage, lorebook } = card;
  const lore = lorebook?.entries.map(({ content }) => content) ?? [];
  return languageOf(
    [description, personality, scenario, ...lore, firstMessage].join('\n').replace(/\{\{\w+\}\}/g, ''),
  );
}

/**
 * Statements of a card by rules, without a model: each sentence of its description, personality, scenario and
 * lorebook as it stands, each attribute as "NAME's hair: red.", each fragment as "NAME: kind, shy.". What is none
 * of them is listed in `leftOut`. Sentences are not rewritten: those with "she" keep it.
 * @throws TruecastError where the card has no name, no language that its script tells, or says nothing
 */
export function cardStatements(card: CharacterCard, where: string, given?: string): CardPersona {
  const name = cardName(card);
  if (name === '') throw new TruecastError(`${where}: the card has no name`, 'write one into its name field');
  const language = given ?? cardLanguage(card);
  if (language === undefined) throw noLanguage(where);
  const macros = { char: name, user: userName(language) };
  const collected = new Collector(macros, language);
  for (const part of partsOf(card, name, language)) collected.add(part);
  addLore(card.lorebook, 'character_book.', name, collected);
  collected.dialogue(card.exampleMessages, 'mes_example');
  for (const [field, text, why] of unsaid(card)) {
    if (text.trim() !== '') collected.leave({ field, line: 1, text, why });
  }
  return personaOf(name, language, collected, where);
}

/**
 * Statements of a lorebook that stands alone, by the same rules; the name is the book's, or the file's.
 * @throws TruecastError as `cardStatements` does
 */
export function loreStatements(book: Lorebook, where: string, given?: string): CardPersona {
  const name = clean(book.name ?? basename(where, extname(where)));
  const language = given ?? languageOf(book.entries.map(({ content }) => content).join('\n'));
  if (language === undefined) throw noLanguage(where);
  // there is no character that {{char}} could stand for
  const collected = new Collector({ char: '{{char}}', user: userName(language) }, language);
  addLore(book, '', name, collected);
  return personaOf(name, language, collected, where);
}

function noLanguage(where: string): TruecastError {
  return new TruecastError(
    `${where}: its script does not tell its language`,
    'make a persona of it: truecast card statements FILE --language TAG --out NAME.yaml',
  );
}

function personaOf(name: string, language: string, collected: Collector, where: string): CardPersona {
  const { statements, queries, leftOut } = collected;
  if (statements.length === 0)
    throw new TruecastError(
      `${where}: nothing in it can be turned into a statement`,
      'write something into its description',
    );
  return { name, language, statements, queries, leftOut };
}

function partsOf(card: CharacterCard, name: string, language: string): CardPart[] {
  const own = { subject: name, linesBefore: 0 };
  const parts: CardPart[] = [
    { field: 'description', text: card.description, ...own },
    {
      field: 'personality',
      text: card.personality,
      key: PERSONALITY[language.split('-')[0]!] ?? PERSONALITY.en!,
      ...own,
    },
    { field: 'scenario', text: card.scenario, ...own },
  ];
  if (card.nickname?.trim() && clean(card.name) !== name)
    parts.unshift({ field: 'name', text: `Name: ${card.name}`, ...own });
  return parts;
}

function addLore(book: Lorebook | undefined, prefix: string, name: string, collected: Collector): void {
  for (const entry of book?.entries ?? []) {
    const { content, linesBefore, raw: _, ...lore } = entry;
    const field = `${prefix}entries[${entry.index}]`;
    if (entry.enabled)
      collected.add({ field, text: content, subject: loreSubject(entry, name), lore, linesBefore });
    else collected.leave({ field, line: 1, text: content, why: 'the entry is disabled' });
  }
}

/** Whom an entry is about, as far as it says: its name, or the first key that it is found by. */
function loreSubject(entry: LoreEntry, character: string): string {
  const key = entry.useRegex
    ? undefined
    : entry.keys.find((key) => hasWords(key) && !/^\/.*\/\w*$/.test(key));
  const subject = [entry.name, key, entry.comment].find((text) => text !== undefined && hasWords(text));
  return clean(resolveMacros(subject ?? character, { char: character, user: character }));
}

function unsaid(card: CharacterCard): [field: string, text: string, why: string][] {
  const greeting = 'a greeting: how the character speaks, not what holds of it';
  const instruction = 'an instruction to the model';
  return [
    ['first_mes', card.firstMessage, greeting],
    ...card.alternateGreetings.map((text, i): [string, string, string] => [
      `alternate_greetings[${i}]`,
      text,
      greeting,
    ]),
    ...card.groupOnlyGreetings.map((text, i): [string, string, string] => [
      `group_only_greetings[${i}]`,
      text,
      greeting,
    ]),
    ['system_prompt', card.systemPrompt, instruction],
    ['post_history_instructions', card.postHistoryInstructions, instruction],
    ['creator_notes', card.creatorNotes, "its author's notes to people"],
  ];
}
