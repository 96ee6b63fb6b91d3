import { damaged } from './fields.js';

/** Longest cluster, in bytes of UTF-8, that is looked up as a whole: the limit of Hugging Face's Precompiled. */
const LONGEST_CLUSTER = 5;
const CACHE = 10_000;
const clusters = new Intl.Segmenter('en', { granularity: 'grapheme' });
/**
 * Stretches that end between two grapheme clusters, as far as those are told apart by single characters. The segmenter
 * takes the square of a text's length.
 */
const STRETCHES = (() => {
  const last =
    '[ -~\\p{Lu}\\p{Ll}\\u3041-\\u3096\\u30a1-\\u30fa\\u4e00-\\u9fff\\uac00-\\ud7a3\\u0620-\\u063f\\u0641-\\u064a]';
  // letters that may belong to the cluster before them
  const joined = '[\\u0e33\\u0eb3\\u1100-\\u11ff\\ud7b0-\\ud7ff\\uff9e\\uff9f]';
  return new RegExp(`[^]{100,}?(?<=${last})(?=[ -~]|(?!${joined})\\p{L})|[^]+`, 'gu');
})();

/**
 * The character map that a SentencePiece model carries (precompiled_charsmap): a double-array trie (Darts) from
 * UTF-8 to offsets of NUL-ended strings. Used as Hugging Face's tokenizers use it: a short grapheme cluster gives
 * way to what its shortest mapped prefix stands for, the rest of the cluster with it; otherwise each character.
 */
export class Charsmap {
  private readonly trie: Uint32Array;
  private readonly strings: Buffer;
  private readonly known = new Map<string, string | undefined>();

  /** @throws TruecastError where the bytes are no such map */
  constructor(
    bytes: Uint8Array,
    private readonly where: string,
  ) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = buffer.length < 4 ? -1 : buffer.readUInt32LE(0);
    if (size < 4 || size % 4 !== 0 || 4 + size > buffer.length) {
      throw damaged(`${where} has ${buffer.length} bytes, which hold no trie`);
    }
    this.trie = Uint32Array.from({ length: size / 4 }, (_, i) => buffer.readUInt32LE(4 + 4 * i));
    this.strings = buffer.subarray(4 + size);
  }

  normalize(text: string): string {
    let result = '';
    for (const stretch of text.match(STRETCHES) ?? [])
      for (const { segment } of clusters.segment(stretch)) result += this.normalizeCluster(segment);
    return result;
  }

  private normalizeCluster(cluster: string): string {
    const whole = Buffer.byteLength(cluster) <= LONGEST_CLUSTER ? this.lookUp(cluster) : undefined;
    if (whole !== undefined) return whole;
    let result = '';
    for (const character of cluster) result += this.lookUp(character) ?? character;
    return result;
  }

  private lookUp(chunk: string): string | undefined {
    if (this.known.has(chunk)) return this.known.get(chunk);
    const offset = this.shortestPrefix(Buffer.from(chunk));
    const found = offset === undefined ? undefined : this.stringAt(offset);
    if (this.known.size >= CACHE) this.known.clear();
    this.known.set(chunk, found);
    return found;
  }

  /** Where the string for the shortest mapped prefix of a key begins. */
  private shortestPrefix(key: Buffer): number | undefined {
    const { trie } = this;
    let position = offsetOf(trie[0]!);
    for (const byte of key) {
      if (byte === 0) return undefined;
      position ^= byte;
      const unit = trie[position];
      if (unit === undefined) throw damaged(`${this.where}: its trie leads outside itself`);
      if ((unit & 0x800000ff) !== byte) return undefined;
      position ^= offsetOf(unit);
      if ((unit & 0x100) !== 0) {
        const leaf = trie[position];
        if (leaf === undefined) throw damaged(`${this.where}: its trie leads outside itself`);
        return leaf & 0x7fffffff;
      }
    }
    return undefined;
  }

  private stringAt(offset: number): string {
    if (offset > this.strings.length) throw damaged(`${this.where}: its trie leads behind its strings`);
    const end = this.strings.indexOf(0, offset);
    return this.strings.toString('utf8', offset, end < 0 ? undefined : end);
  }
}

/** How far a unit's children lie from it: 22 bits, scaled by 256 where bit 9 is set. */
function offsetOf(unit: number): number {
  return ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0;
}
