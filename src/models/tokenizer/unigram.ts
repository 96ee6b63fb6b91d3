import { damaged, type Fields, isCount } from './fields.js';
import { Trie } from './trie.js';
import { byteTokens, checkPiece, type SubwordModel, spellBytes } from './vocabulary.js';

/** How much less likely than the least likely piece a character without a piece is, as in SentencePiece. */
const UNKNOWN_PENALTY = 10;

/** Pieces and their log probabilities, by id. */
export type ScoredPiece = readonly [piece: string, score: number];

export function readScoredPieces(model: Fields): ScoredPiece[] {
  const where = `${model.where}.vocab`;
  return model.list('vocab').map((entry, id) => {
    const [piece, score] = Array.isArray(entry) && entry.length === 2 ? (entry as unknown[]) : [];
    if (typeof piece !== 'string' || typeof score !== 'number' || !Number.isFinite(score)) {
      return model.refuse(`: vocab[${id}] is not a piece and its score`);
    }
    checkPiece(piece, where);
    return [piece, score];
  });
}

/**
 * SentencePiece's unigram model: the likeliest cut of a word, by Viterbi; of equally likely ones the one whose last
 * piece begins first. Neighbouring characters without a piece become one unknown token, or their bytes.
 */
export class Unigram implements SubwordModel {
  private readonly where: string;
  private readonly trie: Trie;
  private readonly scores: Float64Array;
  private readonly unknownScore: number;
  private readonly unknown: number | undefined;
  private readonly bytes: readonly (number | undefined)[] | undefined;

  /** @param controls pieces that no text may become */
  constructor(model: Fields, pieces: readonly ScoredPiece[], controls: ReadonlySet<string>) {
    this.where = model.where;
    this.scores = Float64Array.from(pieces, ([, score]) => score);
    const unknown = model.value('unk_id') ?? undefined;
    if (unknown !== undefined && (!isCount(unknown) || unknown >= pieces.length)) {
      model.refuse(`: unk_id ${String(unknown)} is not an id of its vocab`);
    }
    this.unknown = unknown;
    let least = Number.POSITIVE_INFINITY;
    for (const score of this.scores) least = Math.min(least, score);
    this.unknownScore = least - UNKNOWN_PENALTY;
    const ids = new Map(pieces.map(([piece], id) => [piece, id]));
    this.bytes = model.boolean('byte_fallback', false) ? byteTokens(ids) : undefined;
    for (const piece of controls) ids.delete(piece);
    ids.delete('');
    this.trie = new Trie(ids, ids.size);
  }

  encode(word: string, ids: number[]): void {
    const { begins, pieces } = this.bestPath(word);
    const path: number[] = [];
    for (let end = word.length; end > 0; end = begins[end]!) path.push(end);
    let unknownFrom = -1;
    const flush = (end: number) => {
      if (unknownFrom >= 0) this.spellUnknown(word.slice(unknownFrom, end), ids);
      unknownFrom = -1;
    };
    for (const end of path.reverse()) {
      const begin = begins[end]!;
      if (pieces[end] === -1) {
        if (unknownFrom < 0) unknownFrom = begin;
        continue;
      }
      flush(begin);
      ids.push(pieces[end]!);
    }
    flush(word.length);
  }

  /** Per position the last piece of the best cut up to there, -1 for a character without one, and its begin. */
  private bestPath(word: string): { begins: Int32Array; pieces: Int32Array } {
    const { length } = word;
    const best = new Float64Array(length + 1);
    const begins = new Int32Array(length + 1).fill(-1);
    const pieces = new Int32Array(length + 1);
    const offer = (begin: number, end: number, piece: number, score: number) => {
      if (begins[end]! >= 0 && !(score > best[end]!)) return;
      best[end] = score;
      begins[end] = begin;
      pieces[end] = piece;
    };
    for (let begin = 0, width = 1; begin < length; begin += width) {
      width = word.codePointAt(begin)! > 0xffff ? 2 : 1;
      let single = false;
      let node = Trie.ROOT;
      for (let end = begin; end < length; ) {
        node = this.trie.next(node, word.charCodeAt(end++));
        if (node < 0) break;
        const piece = this.trie.valueAt(node);
        if (piece < 0) continue;
        offer(begin, end, piece, best[begin]! + this.scores[piece]!);
        if (end === begin + width) single = true;
      }
      if (!single) offer(begin, begin + width, -1, best[begin]! + this.unknownScore);
    }
    return { begins, pieces };
  }

  private spellUnknown(text: string, ids: number[]): void {
    if (this.bytes && spellBytes(text, this.bytes, ids)) return;
    if (this.unknown === undefined) {
      throw damaged(`${this.where} has no piece for ${JSON.stringify(text)} and no unk_id`);
    }
    ids.push(this.unknown);
  }
}
