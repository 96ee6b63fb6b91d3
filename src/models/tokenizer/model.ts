import { Bpe } from './bpe.js';
import type { Fields } from './fields.js';
import { readScoredPieces, Unigram } from './unigram.js';
import { readVocabulary, type SubwordModel } from './vocabulary.js';
import { WordPiece } from './wordPiece.js';

/**
 * tokenizer.json's `model`, and its pieces by id.
 * @param controls pieces that no text may become
 */
export function readModel(
  model: Fields,
  controls: ReadonlySet<string>,
): { model: SubwordModel; pieces: string[] } {
  const type = kindOf(model);
  if (type === 'Unigram') {
    const scored = readScoredPieces(model);
    return { model: new Unigram(model, scored, controls), pieces: scored.map(([piece]) => piece) };
  }
  const ids = readVocabulary(model);
  const pieces: string[] = [];
  for (const [piece, id] of ids) pieces[id] = piece;
  const unknown = model.has('unk_token') ? ids.get(model.string('unk_token')) : undefined;
  for (const piece of controls) ids.delete(piece);
  const subwords =
    type === 'BPE' ? new Bpe(model, ids, controls, unknown) : new WordPiece(model, ids, unknown);
  return { model: subwords, pieces };
}

/** Files of old versions do not say it. */
function kindOf(model: Fields): 'Unigram' | 'BPE' | 'WordPiece' {
  if (!model.has('type')) {
    if (Array.isArray(model.value('vocab'))) return 'Unigram';
    return model.has('merges') ? 'BPE' : 'WordPiece';
  }
  const { type } = model;
  if (type === 'Unigram' || type === 'BPE' || type === 'WordPiece') return type;
  return model.refuse(`: ${type} is not supported`);
}
