import { TruecastError } from '../../../support/errors.js';
import { addedToken, metaspace, precompiled, type TokenizerConfig, template, tokenName } from './json.js';
import { expectModelType, MODEL, PIECE, type SentencePieceModel } from './modelProto.js';

/**
 * XLM-RoBERTa's tokenizer.json from its sentencepiece.bpe.model, put together as the published one. Its ids are
 * fairseq's: control tokens of its own before the model's pieces, whose first three they stand for, and the mask behind.
 * @throws TruecastError where the model does not begin with the unknown, the begin and the end
 */
export function xlmRobertaTokenizer(model: SentencePieceModel, config: TokenizerConfig) {
  expectModelType(model, MODEL.unigram, 'XLM-RoBERTa');
  const types = model.pieces.slice(0, 3).map(({ type }) => type);
  if (types.join() !== [PIECE.unknown, PIECE.control, PIECE.control].join()) {
    throw new TruecastError(
      `${model.path} does not begin with <unk>, <s> and </s>, as XLM-RoBERTa's does`,
      'use the sentencepiece.bpe.model that belongs to the weights, or a tokenizer.json',
    );
  }
  const name = (key: string, fallback: string) => tokenName(config, key, fallback);
  const [bos, pad, eos] = [name('bos_token', '<s>'), name('pad_token', '<pad>'), name('eos_token', '</s>')];
  const [unknown, mask] = [name('unk_token', '<unk>'), name('mask_token', '<mask>')];
  const pieces = model.pieces.slice(3).map(({ text, score }): [string, number] => [text, score]);
  const before = [bos, pad, eos, unknown];
  const added = [...before, mask].map((token, i) =>
    addedToken(i < 4 ? i : before.length + pieces.length, token),
  );
  const control = (token: string): [string, number] => [token, 0];
  const blanks = [{ type: 'WhitespaceSplit' }, metaspace(config)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: precompiled(model)[0] ?? null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: blanks },
    post_processor: template(`${bos}:0 $A:0 ${eos}:0`, `${bos}:0 $A:0 ${eos}:0 ${eos}:0 $B:0 ${eos}:0`, {
      [bos]: 0,
      [eos]: 2,
    }),
    decoder: metaspace(config),
    model: {
      type: 'Unigram',
      unk_id: 3,
      vocab: [...before.map(control), ...pieces, control(mask)],
      byte_fallback: false,
    },
  };
}
