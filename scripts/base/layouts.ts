import { type BpeModel, byteTokens } from './bpe.js';

/** The files of a Hugging Face tokenizer, as plain objects. */
export interface TokenizerFiles {
  tokenizer: Record<string, unknown>;
  config: Record<string, unknown>;
}

const gemmaControls = ['<pad>', '<eos>', '<bos>', '<unk>', '<start_of_turn>', '<end_of_turn>'];
const debertaControls = ['[PAD]', '[CLS]', '[SEP]', '[UNK]', '[MASK]'];

/** Entries that are neither characters nor merges; the same room is left for them in both vocabularies. */
export const reservedTokens = gemmaControls.length + byteTokens.length;

/**
 * Turns between control tokens. Any order of roles is allowed, because a persona may stand in a first turn of
 * the model's or inside the user's; roles other than these two are refused.
 */
const chatTemplate = [
  '{{ bos_token }}',
  '{% for message in messages %}',
  "{% if message['role'] == 'user' %}{% set speaker = 'user' %}",
  "{% elif message['role'] == 'model' or message['role'] == 'assistant' %}{% set speaker = 'model' %}",
  "{% else %}{{ raise_exception('no turn for the role ' + message['role']) }}{% endif %}",
  "{{ '<start_of_turn>' + speaker + '\\n' + (message['content'] | trim) + '<end_of_turn>\\n' }}",
  '{% endfor %}',
  "{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
].join('');

/** Laid out as google/gemma's: one text, spaces as "▁", no cutting into words, `<bos>` in front. */
export function gemmaFiles(bpe: BpeModel): TokenizerFiles {
  const added = addedTokens(gemmaControls);
  return {
    tokenizer: {
      ...common(added, vocabulary(gemmaControls, bpe), bpe, '<unk>'),
      normalizer: { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
      pre_tokenizer: {
        type: 'Split',
        pattern: { String: ' ' },
        behavior: 'MergedWithPrevious',
        invert: false,
      },
      post_processor: {
        type: 'TemplateProcessing',
        single: [special('<bos>', 0), sequence('A', 0)],
        pair: [special('<bos>', 0), sequence('A', 0), special('<bos>', 1), sequence('B', 1)],
        special_tokens: specialTokens({ '<bos>': 2 }),
      },
      decoder: { type: 'Sequence', decoders: decoders },
    },
    config: {
      ...commonConfig(added),
      add_bos_token: true,
      add_eos_token: false,
      bos_token: '<bos>',
      chat_template: chatTemplate,
      eos_token: '<eos>',
      pad_token: '<pad>',
      tokenizer_class: 'PreTrainedTokenizerFast',
      unk_token: '<unk>',
    },
  };
}

/** The same merges for an encoder: every text starts with "▁", so that a first word looks like a later one. */
export function debertaFiles(bpe: BpeModel): TokenizerFiles {
  const added = addedTokens(debertaControls);
  return {
    tokenizer: {
      ...common(added, vocabulary(debertaControls, bpe), bpe, '[UNK]'),
      normalizer: {
        type: 'Sequence',
        normalizers: [
          { type: 'Prepend', prepend: '▁' },
          { type: 'Replace', pattern: { String: ' ' }, content: '▁' },
        ],
      },
      pre_tokenizer: null,
      post_processor: {
        type: 'TemplateProcessing',
        single: [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)],
        pair: [
          special('[CLS]', 0),
          sequence('A', 0),
          special('[SEP]', 0),
          sequence('B', 1),
          special('[SEP]', 1),
        ],
        special_tokens: specialTokens({ '[CLS]': 1, '[SEP]': 2 }),
      },
      decoder: {
        type: 'Sequence',
        decoders: [...decoders, { type: 'Strip', content: ' ', start: 1, stop: 0 }],
      },
    },
    config: {
      ...commonConfig(added),
      bos_token: '[CLS]',
      cls_token: '[CLS]',
      eos_token: '[SEP]',
      mask_token: '[MASK]',
      pad_token: '[PAD]',
      sep_token: '[SEP]',
      tokenizer_class: 'PreTrainedTokenizerFast',
      unk_token: '[UNK]',
    },
  };
}

const decoders = [
  { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
  { type: 'ByteFallback' },
  { type: 'Fuse' },
];

function common(added: AddedToken[], vocab: Record<string, number>, bpe: BpeModel, unknown: string) {
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null as unknown,
    pre_tokenizer: null as unknown,
    post_processor: null as unknown,
    decoder: null as unknown,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: unknown,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: true,
      ignore_merges: false,
      vocab,
      merges: bpe.merges,
    },
  };
}

function commonConfig(added: AddedToken[]) {
  return {
    added_tokens_decoder: Object.fromEntries(added.map(({ id, ...token }) => [id, token])),
    clean_up_tokenization_spaces: false,
    // Models have limits, this tokenizer has none: the number is how transformers writes "unlimited".
    model_max_length: 1e30,
  };
}

interface AddedToken {
  id: number;
  content: string;
  single_word: boolean;
  lstrip: boolean;
  rstrip: boolean;
  normalized: boolean;
  special: boolean;
}

function addedTokens(contents: readonly string[]): AddedToken[] {
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  return contents.map((content, id) => ({ id, content, ...flags }));
}

function vocabulary(controls: readonly string[], bpe: BpeModel): Record<string, number> {
  const ids = new Map<string, number>();
  const add = (token: string) => {
    // Two merges can spell one token.
    if (!ids.has(token)) ids.set(token, ids.size);
  };
  for (const token of [...controls, ...byteTokens, ...bpe.characters]) add(token);
  for (const [left, right] of bpe.merges) add(left + right);
  return Object.fromEntries(ids);
}

function special(id: string, type_id: number) {
  return { SpecialToken: { id, type_id } };
}

function sequence(id: 'A' | 'B', type_id: number) {
  return { Sequence: { id, type_id } };
}

function specialTokens(ids: Record<string, number>) {
  return Object.fromEntries(
    Object.entries(ids).map(([token, id]) => [token, { id: token, ids: [id], tokens: [token] }]),
  );
}
