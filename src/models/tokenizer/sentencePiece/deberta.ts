import {
  addedToken,
  flag,
  metaspace,
  precompiled,
  type TokenizerConfig,
  template,
  tokenName,
} from './json.js';
import { expectModelType, MODEL, PIECE, type SentencePieceModel } from './modelProto.js';

/**
 * DeBERTa v2's and v3's tokenizer.json from its spm.model, as transformers' DebertaV2Converter makes it. (The
 * tokenizer class of transformers 5 leaves out the model's character map, which the models were trained with.)
 * The mask token, which the model lacks, gets the id after its last piece.
 */
export function debertaTokenizer(model: SentencePieceModel, config: TokenizerConfig) {
  expectModelType(model, MODEL.unigram, 'DeBERTa');
  const [cls, sep] = [tokenName(config, 'cls_token', '[CLS]'), tokenName(config, 'sep_token', '[SEP]')];
  const unknown = tokenName(config, 'unk_token', '[UNK]');
  const ids = new Map(model.pieces.map(({ text }, id) => [text, id]));
  const added = model.pieces.flatMap(({ text, type }, id) =>
    type === PIECE.control || type === PIECE.userDefined
      ? [addedToken(id, text, type === PIECE.control)]
      : [],
  );
  const special = [
    tokenName(config, 'bos_token', '[CLS]'),
    tokenName(config, 'eos_token', '[SEP]'),
    unknown,
    sep,
    tokenName(config, 'pad_token', '[PAD]'),
    cls,
    tokenName(config, 'mask_token', '[MASK]'),
  ];
  for (const token of special) {
    const known = added.find(({ content }) => content === token);
    if (known) known.special = true;
    else {
      if (!ids.has(token)) ids.set(token, ids.size);
      added.push(addedToken(ids.get(token)!, token, true, token === unknown));
    }
  }
  const lower = flag(config, 'do_lower_case', false) ? [{ type: 'Lowercase' }] : [];
  const marks = flag(config, 'split_by_punct', false) ? [{ type: 'Punctuation', behavior: 'Isolated' }] : [];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added.sort((a, b) => a.id - b.id),
    normalizer: {
      type: 'Sequence',
      normalizers: [
        ...lower,
        { type: 'Strip', strip_left: true, strip_right: true },
        ...precompiled(model),
        { type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' },
      ],
    },
    pre_tokenizer: { type: 'Sequence', pretokenizers: [...marks, metaspace(config)] },
    post_processor: template(`${cls}:0 $A:0 ${sep}:0`, `${cls}:0 $A:0 ${sep}:0 $B:1 ${sep}:1`, {
      [cls]: ids.get(cls)!,
      [sep]: ids.get(sep)!,
    }),
    decoder: metaspace(config),
    model: {
      type: 'Unigram',
      unk_id: model.unknownId,
      vocab: model.pieces.map(({ text, score }): [string, number] => [text, score]),
      byte_fallback: false,
    },
  };
}
