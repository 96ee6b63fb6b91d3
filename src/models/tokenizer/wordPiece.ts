import type { Fields } from './fields.js';
import type { SubwordModel } from './vocabulary.js';

/** BERT's: the longest piece first, from left to right; a word that cannot be cut so is the unknown token. */
export class WordPiece implements SubwordModel {
  private readonly unknown: number;
  private readonly prefix: string;
  private readonly longestWord: number;
  private readonly longestPiece: number;

  constructor(
    model: Fields,
    private readonly ids: ReadonlyMap<string, number>,
    unknown: number | undefined,
  ) {
    this.unknown = unknown ?? model.refuse(': its vocab does not have its unk_token');
    this.prefix = model.string('continuing_subword_prefix', '##');
    this.longestWord = model.count('max_input_chars_per_word', 100);
    let longest = 0;
    for (const piece of ids.keys()) longest = Math.max(longest, piece.length);
    this.longestPiece = longest;
  }

  encode(word: string, ids: number[]): void {
    const before = ids.length;
    const fits = word.length <= this.longestWord || [...word].length <= this.longestWord;
    let start = fits ? 0 : -1;
    while (start >= 0 && start < word.length) start = this.longestFrom(word, start, ids);
    if (start >= 0) return;
    ids.length = before;
    ids.push(this.unknown);
  }

  /** Appends the longest piece at `start` and returns its end; -1 where there is none. */
  private longestFrom(word: string, start: number, ids: number[]): number {
    const prefix = start === 0 ? '' : this.prefix;
    for (let end = Math.min(word.length, start + this.longestPiece); end > start; end--) {
      const id = this.ids.get(prefix + word.slice(start, end));
      if (id === undefined) continue;
      ids.push(id);
      return end;
    }
    return -1;
  }
}
