import { Tokenizer } from '../../src/models/tokenizer.js';

/** Small tokenizers of each kind, laid out as published tokenizer.json files are. */

const LETTERS = [...'abcdefghijklmnopqrstuvwxyz'];
const MARKS = [...'<>[]/|_.,!?'];

const added = (content: string, id: number, special = true) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special,
});

type Item = [token: string, type: number];

/** A TemplateProcessing of special tokens, with the texts as $A and $B. */
function template(single: Item[], pair: Item[], ids: Record<string, number>) {
  const items = (list: Item[]) =>
    list.map(([token, type_id]) =>
      token.startsWith('$')
        ? { Sequence: { id: token.slice(1), type_id } }
        : { SpecialToken: { id: token, type_id } },
    );
  const special_tokens = Object.fromEntries(
    Object.entries(ids).map(([token, id]) => [token, { id: token, ids: [id], tokens: [token] }]),
  );
  return { type: 'TemplateProcessing', single: items(single), pair: items(pair), special_tokens };
}

/** As BERT's: pieces of words by the longest match, lower-cased, marks on their own. */
export function wordPieceJson() {
  const controls = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  const pieces = [
    ...controls,
    ...LETTERS,
    ...LETTERS.map((letter) => `##${letter}`),
    ...MARKS,
    'sep',
    'cls',
    '##ep',
  ];
  return {
    version: '1.0',
    added_tokens: controls.map((token, id) => added(token, id)),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: template(
      [
        ['[CLS]', 0],
        ['$A', 0],
        ['[SEP]', 0],
      ],
      [
        ['[CLS]', 0],
        ['$A', 0],
        ['[SEP]', 0],
        ['$B', 1],
        ['[SEP]', 1],
      ],
      { '[CLS]': 2, '[SEP]': 3 },
    ),
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
  };
}

/** As XLM-RoBERTa's: the likeliest pieces, control tokens among them with a score of 0. */
export function unigramJson() {
  const controls = ['<s>', '<pad>', '</s>', '<unk>'];
  const pieces = ['▁', ...LETTERS, ...MARKS, '▁a', '▁the', '▁s'];
  return {
    version: '1.0',
    added_tokens: [...controls.map((token, id) => added(token, id)), added('<mask>', 4 + pieces.length)],
    normalizer: null,
    pre_tokenizer: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    post_processor: template(
      [
        ['<s>', 0],
        ['$A', 0],
        ['</s>', 0],
      ],
      [
        ['<s>', 0],
        ['$A', 0],
        ['</s>', 0],
        ['</s>', 0],
        ['$B', 0],
        ['</s>', 0],
      ],
      { '<s>': 0, '</s>': 2 },
    ),
    decoder: { type: 'Metaspace', replacement: '▁', add_prefix_space: true, prepend_scheme: 'always' },
    model: {
      type: 'Unigram',
      unk_id: 3,
      vocab: [
        ...controls.map((token): [string, number] => [token, 0]),
        ...pieces.map((piece, i): [string, number] => [piece, -3 - i / 100]),
        ['<mask>', 0] as [string, number],
      ],
    },
  };
}

/** As Gemma's: merges over letters, bytes for what has no letter. */
export function bpeJson() {
  const controls = ['<pad>', '<eos>', '<bos>', '<unk>', '<start_of_turn>', '<end_of_turn>'];
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
  );
  const merges = ['▁ a', 't h', 'th e', '▁ the', 'e n', 'en d', 'o f'];
  const pieces = [
    ...controls,
    ...bytes,
    '▁',
    '\n',
    ...LETTERS,
    ...MARKS,
    ...merges.map((merge) => merge.replace(' ', '')),
  ];
  return {
    version: '1.0',
    added_tokens: controls.map((token, id) => added(token, id)),
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
    pre_tokenizer: null,
    post_processor: template(
      [
        ['<bos>', 0],
        ['$A', 0],
      ],
      [
        ['<bos>', 0],
        ['$A', 0],
        ['<bos>', 1],
        ['$B', 1],
      ],
      {
        '<bos>': 2,
      },
    ),
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
      unk_token: '<unk>',
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
      merges,
    },
  };
}

/** RoBERTa's layout of pairs, on the pieces of the BPE tokenizer. */
export function robertaJson() {
  const json = bpeJson();
  return {
    ...json,
    post_processor: {
      type: 'RobertaProcessing',
      sep: ['<eos>', 1],
      cls: ['<bos>', 2],
      trim_offsets: true,
      add_prefix_space: false,
    },
  };
}

export function tokenizerOf(json: unknown, config: Record<string, unknown> = {}): Tokenizer {
  return new Tokenizer(json, config, 'test/tokenizer.json');
}
