import { Tokenizer } from '../tokenizer.js';
import { type GgufMetadata, reals, text, texts, truth, whole, wholes } from './metadata.js';

/** SentencePiece's kinds of pieces, as tokenizer.ggml.token_type numbers them. */
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;

const SPACE = '▁';
/** Finding the merges of a piece takes the square of its length. */
const LONGEST_PIECE = 512;

interface Pieces {
  /** Ids by piece, spaces spelt as in tokenizer.json. */
  ids: ReadonlyMap<string, number>;
  scores: readonly number[];
  types: readonly number[];
}

/** What tokenizer.json and tokenizer_config.json hold. */
export interface TokenizerFiles {
  json: Record<string, unknown>;
  config: Record<string, unknown>;
}

/** The tokenizer that a GGUF file's metadata describes. @throws TruecastError for other kinds than Gemma's */
export function ggufTokenizer(metadata: GgufMetadata): Tokenizer {
  const { json, config } = tokenizerFiles(metadata);
  return new Tokenizer(json, config, metadata.path);
}

/**
 * A GGUF file's SentencePiece BPE as transformers converts that of Gemma (convert_slow_tokenizer.py): spaces as
 * `▁`, bytes for what has no piece, pieces joined in the order of their scores.
 *
 * What the file calls control is special here, so that it stays text in a text, as with llama.cpp.
 */
export function tokenizerFiles(metadata: GgufMetadata): TokenizerFiles {
  const model = metadata.required('tokenizer.ggml.model', text);
  if (model !== 'llama') {
    throw metadata.wrong(
      `tokenizer.ggml.model is ${JSON.stringify(model)}`,
      'use a Gemma, whose tokenizer is "llama" (SentencePiece), or a folder with its tokenizer.json',
    );
  }
  if (metadata.optional('tokenizer.ggml.add_space_prefix', truth))
    throw metadata.wrong('tokenizer.ggml.add_space_prefix is true', 'no Gemma puts a space before a text');
  const pieces = readPieces(metadata);
  const names = new Map([...pieces.ids].map(([piece, id]) => [id, piece]));
  const named = (name: string): string | undefined => {
    const id = metadata.optional(`tokenizer.ggml.${name}_token_id`, whole);
    if (id !== undefined && !names.has(id))
      throw metadata.wrong(`tokenizer.ggml.${name}_token_id is ${id}, it has ${names.size} tokens`);
    return id === undefined ? undefined : names.get(id);
  };
  const unknown = named('unknown') ?? null;
  const adds = (name: string, otherwise: boolean) =>
    metadata.optional(`tokenizer.ggml.add_${name}_token`, truth) ?? otherwise;
  const json = {
    version: '1.0',
    added_tokens: addedTokens(pieces),
    normalizer: { type: 'Replace', pattern: { String: ' ' }, content: SPACE },
    pre_tokenizer: null,
    post_processor: template(
      pieces.ids,
      adds('bos', true) && named('bos'),
      adds('eos', false) && named('eos'),
    ),
    decoder: {
      type: 'Sequence',
      decoders: [
        { type: 'Replace', pattern: { String: SPACE }, content: ' ' },
        { type: 'ByteFallback' },
        { type: 'Fuse' },
      ],
    },
    model: {
      type: 'BPE',
      unk_token: unknown,
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(pieces.ids),
      merges: mergesOf(pieces),
    },
  };
  const config = {
    bos_token: named('bos'),
    eos_token: named('eos'),
    pad_token: named('padding'),
    unk_token: named('unknown'),
    chat_template: metadata.optional('tokenizer.chat_template', text),
  };
  return { json, config };
}

function readPieces(metadata: GgufMetadata): Pieces {
  const tokens = metadata.required('tokenizer.ggml.tokens', texts);
  const scores = metadata.required('tokenizer.ggml.scores', reals);
  const types = metadata.required('tokenizer.ggml.token_type', wholes);
  for (const [name, { length }] of [['scores', scores] as const, ['token_type', types] as const]) {
    if (length !== tokens.length)
      throw metadata.wrong(`tokenizer.ggml.${name} has ${length} entries, there are ${tokens.length} tokens`);
  }
  const ids = new Map<string, number>();
  // Gemma 1 has no piece for the tab, so that transformers lets the byte's stand for it
  const tab = tokens.includes('\t') ? undefined : '<0x09>';
  for (const [id, token] of tokens.entries()) {
    // llama.cpp's converter writes the spaces of user-defined pieces as they look
    const spelt = types[id] === USER_DEFINED ? token.replaceAll(' ', SPACE) : token;
    const piece = spelt === tab ? '\t' : spelt;
    if (ids.has(piece))
      throw metadata.wrong(`tokens ${ids.get(piece)} and ${id} are both ${JSON.stringify(piece)}`);
    if (piece.length > LONGEST_PIECE)
      throw metadata.wrong(`token ${id} has ${piece.length} letters, at most ${LONGEST_PIECE} are expected`);
    ids.set(piece, id);
  }
  return { ids, scores, types };
}

function addedTokens({ ids, types }: Pieces) {
  const special = (type: number) => type === CONTROL || type === UNKNOWN;
  return [...ids]
    .filter(([, id]) => special(types[id]!) || types[id] === USER_DEFINED)
    .map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: special(types[id]!),
    }));
}

/**
 * Every way to join two pieces to a third, in the order in which they are to be tried: by the joined piece's
 * score, then by the longer first and second part. User-defined pieces come before all others.
 */
function mergesOf({ ids, scores, types }: Pieces): [string, string][] {
  const score = (id: number) => (types[id] === USER_DEFINED ? 0 : scores[id]!);
  const joined = [...ids].filter(([, id]) => types[id] === NORMAL || types[id] === USER_DEFINED);
  joined.sort(([, a], [, b]) => score(b) - score(a));
  const merges: [string, string][] = [];
  for (let begin = 0, end = 0; begin < joined.length; begin = end) {
    const together: Join[] = [];
    const value = score(joined[begin]![1]);
    for (; end < joined.length && score(joined[end]![1]) === value; end++)
      together.push(...joinsOf(joined[end]![0], ids));
    together.sort((a, b) => b.letters[0] - a.letters[0] || b.letters[1] - a.letters[1]);
    for (const { pair } of together) merges.push(pair);
  }
  return merges;
}

interface Join {
  pair: [string, string];
  /** Code points of each part. */
  letters: [number, number];
}

/** The pairs of pieces that make up `piece`, by their ids. */
function joinsOf(piece: string, ids: ReadonlyMap<string, number>): Join[] {
  const joins: Join[] = [];
  const total = lettersOf(piece);
  for (let cut = 1, letters = 1; cut < piece.length; cut++) {
    // a letter of two code units is not cut
    if (isSecondUnit(piece, cut)) continue;
    const first = piece.slice(0, cut);
    if (ids.has(first)) {
      const second = piece.slice(cut);
      if (ids.has(second)) joins.push({ pair: [first, second], letters: [letters, total - letters] });
    }
    letters++;
  }
  const order = ({ pair: [first, second] }: Join) => [ids.get(first)!, ids.get(second)!] as const;
  return joins.length < 2
    ? joins
    : joins.sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);
}

const isSecondUnit = (text: string, at: number) => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

function lettersOf(piece: string): number {
  let letters = 0;
  for (let i = 0; i < piece.length; i++) if (!isSecondUnit(piece, i)) letters++;
  return letters;
}

function template(
  ids: ReadonlyMap<string, number>,
  bos: string | false | undefined,
  eos: string | false | undefined,
) {
  const token = (name: string | false | undefined, type_id: number) =>
    name ? [{ SpecialToken: { id: name, type_id } }] : [];
  const around = (id: 'A' | 'B', type_id: number) => [
    ...token(bos, type_id),
    { Sequence: { id, type_id } },
    ...token(eos, type_id),
  ];
  const specials = [bos, eos].filter((name) => typeof name === 'string');
  return {
    type: 'TemplateProcessing',
    single: around('A', 0),
    pair: [...around('A', 0), ...around('B', 1)],
    special_tokens: Object.fromEntries(
      specials.map((name) => [name, { id: name, ids: [ids.get(name)!], tokens: [name] }]),
    ),
  };
}
