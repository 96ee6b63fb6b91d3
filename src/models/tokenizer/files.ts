import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { readJson, readText } from '../../support/files.js';
import { withScoresAsRead } from './scores.js';
import { debertaTokenizer } from './sentencePiece/deberta.js';
import { declareAdded } from './sentencePiece/declared.js';
import { gemmaTokenizer } from './sentencePiece/gemma.js';
import type { BuiltTokenizer, TokenizerConfig } from './sentencePiece/json.js';
import { readSentencePiece, type SentencePieceModel } from './sentencePiece/modelProto.js';
import { xlmRobertaTokenizer } from './sentencePiece/xlmRoberta.js';

/** A family of models whose tokenizer can be made from its SentencePiece model alone. */
interface Family {
  file: string;
  /** A model type of config.json, or a tokenizer class of tokenizer_config.json. */
  names: RegExp;
  build(model: SentencePieceModel, config: TokenizerConfig): BuiltTokenizer;
}

const FAMILIES: readonly Family[] = [
  { file: 'spm.model', names: /^(deberta-v2|DebertaV2Tokenizer(Fast)?)$/, build: debertaTokenizer },
  {
    file: 'sentencepiece.bpe.model',
    names: /^(xlm-roberta|XLMRobertaTokenizer(Fast)?)$/,
    build: xlmRobertaTokenizer,
  },
  { file: 'tokenizer.model', names: /^(gemma[23]?(_text)?|GemmaTokenizer(Fast)?)$/, build: gemmaTokenizer },
];

/** Newer transformers write the template here instead of in tokenizer_config.json. */
const CHAT_TEMPLATE = 'chat_template.jinja';

/** Files of a model folder that its tokenizer may be read from, and what belongs to them. */
export const TOKENIZER_FILES: readonly string[] = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  CHAT_TEMPLATE,
  ...FAMILIES.map(({ file }) => file),
];

/** What a tokenizer is made of: the contents of tokenizer.json and tokenizer_config.json, and where they are from. */
export interface TokenizerFiles {
  json: unknown;
  config: Record<string, unknown>;
  path: string;
}

/**
 * Reads a model folder's tokenizer: tokenizer.json or, where there is none, the SentencePiece model of the family that
 * config.json or tokenizer_config.json names.
 * @throws TruecastError that says what was looked for
 */
export function readTokenizerFiles(folder: string): TokenizerFiles {
  const config = readObject(join(folder, 'tokenizer_config.json'), 'tokenizer configuration');
  const templatePath = join(folder, CHAT_TEMPLATE);
  if (existsSync(templatePath)) config.chat_template = readText(templatePath, 'chat template');
  const path = join(folder, 'tokenizer.json');
  if (existsSync(path)) return { json: withScoresAsRead(readJson(path, 'tokenizer')), config, path };
  const { model_type: type } = readObject(join(folder, 'config.json'), 'model configuration');
  const names = [type, config.tokenizer_class].filter((name) => typeof name === 'string');
  const family = FAMILIES.find((known) => names.some((name) => known.names.test(name)));
  const spm = family && join(folder, family.file);
  if (!spm || !existsSync(spm)) {
    throw new TruecastError(
      `tokenizer not found: ${path}${spm ? `, nor ${spm}` : ''}`,
      family
        ? 'fetch one of them from where the model came'
        : `name a folder with a tokenizer.json; SentencePiece models alone (${FAMILIES.map(({ file }) => file).join(', ')}) ` +
            'are read of DeBERTa, XLM-RoBERTa and Gemma, where config.json names them',
    );
  }
  const json = family.build(readSentencePiece(spm), config);
  const extra = readObject(join(folder, 'added_tokens.json'), 'added tokens');
  declareAdded(json.added_tokens, piecesOf(json.model.vocab), config, extra);
  return { json, config, path: spm };
}

/** Pieces by id, of either form of a vocabulary. */
function piecesOf(vocab: BuiltTokenizer['model']['vocab']): string[] {
  if (Array.isArray(vocab)) return vocab.map(([piece]) => piece);
  const pieces: string[] = [];
  for (const [piece, id] of Object.entries(vocab)) pieces[id] = piece;
  return pieces;
}

/** A JSON object in a file; empty where there is none. */
function readObject(path: string, what: string): Record<string, unknown> {
  if (!existsSync(path)) return {};
  const value = readJson(path, what);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TruecastError(`${path} is not a JSON object`, 'compare it with the published one');
  }
  return value as Record<string, unknown>;
}
