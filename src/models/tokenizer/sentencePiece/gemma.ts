import { mergesOf } from '../merges.js';
import { addedToken, type TokenizerConfig, template, tokenName } from './json.js';
import { expectModelType, MODEL, PIECE, type SentencePieceModel } from './modelProto.js';

/** User-defined pieces of Gemma's models that only its template may write. */
const TURNS = new Set(['<start_of_turn>', '<end_of_turn>']);

/**
 * Gemma's tokenizer.json from its tokenizer.model, as transformers' GemmaConverter makes it: merges are all cuts of a
 * piece into two pieces, those of better scores first.
 */
export function gemmaTokenizer(model: SentencePieceModel, config: TokenizerConfig) {
  expectModelType(model, MODEL.bpe, 'Gemma');
  const bos = tokenName(config, 'bos_token', '<bos>');
  const first = [tokenName(config, 'pad_token', '<pad>'), tokenName(config, 'eos_token', '<eos>'), bos];
  const names = model.pieces.map(({ text }, id) => first[id] ?? text);
  const tabByte = names.includes('\t') ? -1 : names.indexOf('<0x09>');
  const ids = new Map(names.map((piece, id) => [id === tabByte ? '\t' : piece, id]));
  const unknown = tokenName(config, 'unk_token', '<unk>');
  const added = model.pieces.flatMap(({ type }, id) => {
    const token = names[id]!;
    if (token === unknown || first.includes(token)) return [addedToken(id, token)];
    if (type !== PIECE.control && type !== PIECE.userDefined) return [];
    return [addedToken(id, token, type === PIECE.control || TURNS.has(token))];
  });
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false },
    post_processor: template(`${bos}:0 $A:0`, `${bos}:0 $A:0 ${bos}:1 $B:1`, { [bos]: ids.get(bos)! }),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
      ],
    },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(ids),
      merges: mergesOf(ids, (piece, id) => (id < 3 || piece === '\t' ? 0 : model.pieces[id]!.score)),
    },
  };
}
