import { runInNewContext } from 'node:vm';
import { messageOf, TruecastError } from '../../support/errors.js';

/** How long patterns may take; those that people write take microseconds. */
const TIMEOUT_MS = 1000;

/** Where a pattern has to match. */
export type Anchor = 'whole' | 'end' | 'start';

/** null where there is none; else what the group named idx caught, or nothing. */
export type Match = string | null;

/**
 * The matches of patterns, regular expressions of Python's re, with names: [pattern][name].
 *
 * @param anchor 'whole': the name (re.fullmatch); 'end': its last parts; 'start': its begin (re.match)
 * @param key what the patterns are, for errors
 * @throws TruecastError for a pattern that JavaScript cannot read, or that takes exponential time
 */
export function matchPatterns(
  patterns: readonly string[],
  names: readonly string[],
  anchor: Anchor,
  key: string,
): Match[][] {
  const sources = patterns.map((pattern) => {
    const source = anchored(fromPython(pattern), anchor);
    try {
      new RegExp(source);
    } catch (error) {
      throw new TruecastError(
        `${key}: ${JSON.stringify(pattern)} is no pattern that can be used here: ${messageOf(error)}`,
        'write it without features that only Python has, or list the layers',
      );
    }
    return source;
  });
  try {
    // a context of its own, as its timeout is the one way to stop a pattern that backtracks for ever
    const matches = runInNewContext(MATCH_ALL, { sources, names }, { timeout: TIMEOUT_MS });
    return JSON.parse(matches);
  } catch (error) {
    throw new TruecastError(
      `${key}: its patterns take too long: ${patterns.map((pattern) => JSON.stringify(pattern)).join(', ')}`,
      'write them without nested repetition',
      { cause: error },
    );
  }
}

const MATCH_ALL = `JSON.stringify(sources.map((source) => {
  const pattern = new RegExp(source);
  return names.map((name) => {
    const match = pattern.exec(name);
    return match && (match.groups?.idx ?? '');
  });
}))`;

function anchored(source: string, anchor: Anchor): string {
  switch (anchor) {
    case 'whole':
      return `^(?:${source})$`;
    case 'end':
      return `^(?:.*\\.)?(?:${source})$`;
    case 'start':
      return `^(?:${source})`;
  }
}

/** What Python writes otherwise: (?P<name>…), (?P=name), \A, \Z, {,n}, and a class that begins with its bracket. */
function fromPython(pattern: string): string {
  return pattern.replace(/\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\(\?P<|\(\?P=(\w+)\)|\{,/gs, (part, name) => {
    if (part === '\\A') return '^';
    if (part === '\\Z') return '$';
    if (part === '(?P<') return '(?<';
    if (part === '{,') return '{0,';
    if (name !== undefined) return `\\k<${name}>`;
    return part.replace(/^(\[\^?)\](?=.)/s, '$1\\]');
  });
}
