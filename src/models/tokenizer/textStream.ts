import type { Tokenizer } from '../tokenizer.js';

/**
 * The text of tokens that come one by one. What has been given out is never taken back: a token that leaves a
 * character unfinished, as one of bytes does, gives nothing until the rest has come.
 */
export class TextStream {
  /** Tokens from the last ones that were given out on; decoding looks no farther back. */
  private ids: number[] = [];
  /** How many of them were given out. */
  private given = 0;

  constructor(private readonly tokenizer: Pick<Tokenizer, 'decode'>) {}

  /** What the text grows by. */
  push(id: number): string {
    this.ids.push(id);
    const grown = this.rest();
    // half a character, spelt in bytes, shows as a replacement mark
    if (grown === '' || grown.endsWith('\ufffd')) return '';
    this.ids = this.ids.slice(this.given);
    this.given = this.ids.length;
    return grown;
  }

  /** What was held back, once no more tokens come. */
  end(): string {
    const rest = this.rest();
    this.given = this.ids.length;
    return rest;
  }

  private rest(): string {
    const before = this.tokenizer.decode(this.ids.slice(0, this.given));
    return this.tokenizer.decode(this.ids).slice(before.length);
  }
}
