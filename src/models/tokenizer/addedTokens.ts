import type { Fields } from './fields.js';
import type { Normalizer } from './normalizers.js';
import { Trie } from './trie.js';

/** A token that is cut out of a text before the model sees it. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Control tokens: never cut out of a text here. */
  readonly special: boolean;
  readonly singleWord: boolean;
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Whether it is looked for in the normalised text. */
  readonly normalized: boolean;
}

export function readAddedToken(fields: Fields): AddedToken {
  const special = fields.boolean('special', false);
  return {
    id: fields.count('id'),
    content: fields.string('content'),
    special,
    singleWord: fields.boolean('single_word', false),
    lstrip: fields.boolean('lstrip', false),
    rstrip: fields.boolean('rstrip', false),
    normalized: fields.boolean('normalized', !special),
  };
}

/** Cuts a text at added tokens: of those at one place the longest. */
export class AddedTokenSplitter {
  private readonly trie: Trie;

  constructor(
    private readonly tokens: readonly AddedToken[],
    normalize: Normalizer = (text) => text,
  ) {
    const entries = tokens.map(({ content }, i): [string, number] => [normalize(content), i]);
    this.trie = new Trie(
      entries.filter(([content]) => content !== ''),
      entries.length,
    );
  }

  /** The text's parts in order; a token's as its id. */
  split(text: string): (string | number)[] {
    if (this.tokens.length === 0) return text === '' ? [] : [text];
    const parts: (string | number)[] = [];
    let done = 0;
    for (let at = 0; at < text.length; ) {
      const match = this.longestAt(text, at);
      if (!match) {
        at++;
        continue;
      }
      const { token, end } = match;
      at = end;
      if (
        token.singleWord &&
        (WORD_END.test(text.slice(0, match.begin)) || WORD_BEGIN.test(text.slice(end)))
      ) {
        continue;
      }
      const begin = token.lstrip
        ? Math.max(done, text.slice(0, match.begin).search(BLANKS_END))
        : match.begin;
      if (token.rstrip) at += BLANKS_BEGIN.exec(text.slice(end))![0].length;
      if (begin > done) parts.push(text.slice(done, begin));
      parts.push(token.id);
      done = at;
    }
    if (done < text.length) parts.push(text.slice(done));
    return parts;
  }

  private longestAt(text: string, begin: number) {
    let found: { token: AddedToken; begin: number; end: number } | undefined;
    let node = Trie.ROOT;
    for (let end = begin; end < text.length; ) {
      node = this.trie.next(node, text.charCodeAt(end++));
      if (node < 0) break;
      const index = this.trie.valueAt(node);
      if (index >= 0) found = { token: this.tokens[index]!, begin, end };
    }
    return found;
  }
}

const WORD = '[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}]';
const WORD_BEGIN = new RegExp(`^${WORD}`, 'u');
const WORD_END = new RegExp(`${WORD}$`, 'u');
const BLANKS_BEGIN = /^\p{White_Space}*/u;
const BLANKS_END = /\p{White_Space}*$/u;
