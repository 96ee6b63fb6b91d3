import { messageOf } from '../../support/errors.js';
import type { Fields } from './fields.js';

/** What becomes of matches where a text is cut at them; the names are tokenizer.json's. */
const BEHAVIORS = ['Removed', 'Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'] as const;
export type Behavior = (typeof BEHAVIORS)[number];

export function readBehavior(fields: Fields, fallback?: Behavior): Behavior {
  const name = fields.string('behavior', fallback);
  const behavior = BEHAVIORS.find((known) => known === name);
  return behavior ?? fields.refuse(`: behavior ${name} is not supported`);
}

/** A pattern of tokenizer.json, {String: …} or {Regex: …}, as one that finds all matches. */
export function readPattern(fields: Fields): RegExp {
  const pattern = fields.object('pattern');
  if (pattern.has('String')) {
    return new RegExp(pattern.string('String').replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu');
  }
  const source = pattern.string('Regex');
  try {
    return new RegExp(
      source.replace(/\\./gsu, (found) => ESCAPES[found] ?? found),
      'gu',
    );
  } catch (error) {
    return pattern.refuse(`is not supported: ${messageOf(error)}`);
  }
}

/** Where Oniguruma, which Hugging Face's patterns are written for, means another thing than JavaScript. */
const ESCAPES: Record<string, string> = {
  '\\s': '\\p{White_Space}',
  '\\S': '\\P{White_Space}',
  '\\d': '\\p{Nd}',
  '\\D': '\\P{Nd}',
  '\\A': '(?<![\\s\\S])',
  '\\z': '(?![\\s\\S])',
  // refused rather than taken for ASCII, as JavaScript would
  '\\w': '\\w{unsupported',
  '\\W': '\\W{unsupported',
  '\\b': '\\b{unsupported',
  '\\B': '\\B{unsupported',
};

/**
 * Cuts a text at the matches of a pattern, as NormalizedString::split of Hugging Face's tokenizers does. There are
 * no empty pieces.
 * @param invert takes what lies between matches for the matches
 */
export function split(text: string, pattern: RegExp, behavior: Behavior, invert = false): string[] {
  const spans: { text: string; match: boolean }[] = [];
  const add = (from: number, to: number, match: boolean) => {
    if (to > from) spans.push({ text: text.slice(from, to), match: match !== invert });
  };
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    add(end, found.index, false);
    end = found.index + found[0].length;
    add(found.index, end, true);
  }
  add(end, text.length, false);

  const pieces: string[] = [];
  switch (behavior) {
    case 'Removed':
      return spans.filter(({ match }) => !match).map((span) => span.text);
    case 'Isolated':
      return spans.map((span) => span.text);
    case 'Contiguous':
      spans.forEach((span, i) => {
        if (i > 0 && spans[i - 1]!.match === span.match) pieces[pieces.length - 1] += span.text;
        else pieces.push(span.text);
      });
      return pieces;
    case 'MergedWithPrevious':
      spans.forEach((span, i) => {
        if (i > 0 && span.match && !spans[i - 1]!.match) pieces[pieces.length - 1] += span.text;
        else pieces.push(span.text);
      });
      return pieces;
    case 'MergedWithNext':
      spans.forEach((span, i) => {
        if (i > 0 && !span.match && spans[i - 1]!.match) pieces[pieces.length - 1] += span.text;
        else pieces.push(span.text);
      });
      return pieces;
  }
}
