import type { Fields } from './fields.js';
import type { Component } from './library.js';

/** A pattern of tokenizer.json, {String: …} or {Regex: …}, as a regular expression in Oniguruma's syntax. */
export function readPattern(fields: Fields): string {
  const pattern = fields.object('pattern');
  if (!pattern.has('String')) return pattern.string('Regex');
  return escaped(pattern.string('String'));
}

export function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/** A Replace. The library hands `content` to JavaScript's replaceAll, where a $ has a meaning. */
export function replaced(source: string, content: string): Component {
  return { type: 'Replace', pattern: { Regex: source }, content: content.replaceAll('$', '$$$$') };
}

/** What becomes of matches where a text is cut at them; the names are tokenizer.json's. */
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
export type Behavior = (typeof BEHAVIORS)[number];

export function readBehavior(fields: Fields, fallback?: Behavior): Behavior {
  const name = fields.string('behavior', fallback);
  const behavior = BEHAVIORS.find((known) => known === name);
  return behavior ?? fields.refuse(`: behavior ${name} is not supported`);
}

/** A Split whose pieces are the matches; what lies between them goes. */
export function matches(source: string): Component {
  return { type: 'Split', pattern: { Regex: source }, behavior: 'Removed', invert: true };
}

/**
 * A Split at the matches of a pattern. The library knows Removed and Isolated alone; the other behaviours are put
 * into the pattern here.
 */
export function splitAt(source: string, behavior: Behavior): Component {
  const isolated = (regex: string) => ({
    type: 'Split',
    pattern: { Regex: regex },
    behavior: 'Isolated',
    invert: false,
  });
  const match = `(?:${source})`;
  const between = `(?:(?!${source})[\\s\\S])`;
  switch (behavior) {
    case 'Removed':
      return { type: 'Split', pattern: { Regex: source }, behavior, invert: false };
    case 'Isolated':
      return isolated(source);
    case 'Contiguous':
      return isolated(`${match}+`);
    case 'MergedWithPrevious':
      return matches(`${between}+${match}?|${match}`);
    case 'MergedWithNext':
      return matches(`${match}${between}*|${between}+`);
  }
}
