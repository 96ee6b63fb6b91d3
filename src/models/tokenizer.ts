import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer as HuggingFaceTokenizer } from '@huggingface/tokenizers';
import { messageOf, TruecastError } from '../support/errors.js';
import { readJson, readText } from '../support/files.js';

interface AddedToken {
  id: number;
  content: string;
  special: boolean;
}

interface TokenizerJson {
  added_tokens?: AddedToken[];
  model: { vocab: Record<string, number> | [string, number][] };
  post_processor?: PostProcessor | null;
}

type TemplateItem =
  | { SpecialToken: { id: string; type_id: number } }
  | { Sequence: { id: 'A' | 'B'; type_id: number } };
interface PostProcessor {
  type: string;
  single?: TemplateItem[];
  pair?: TemplateItem[];
  cls?: [string, number];
  sep?: [string, number];
  processors?: PostProcessor[];
}

/** A text or pair of texts as a model reads it. */
export interface TokenizedInput {
  ids: number[];
  typeIds: number[];
}

/**
 * A tokenizer.json, through @huggingface/tokenizers. Text is only ever text: `<end_of_turn>` or `[SEP]` in
 * a user's message becomes the pieces of its letters, never the control token. Control tokens come from
 * `control` and from the model's template alone.
 */
export class Tokenizer {
  private readonly plain: HuggingFaceTokenizer;
  private readonly full: HuggingFaceTokenizer;
  private readonly controls: ReadonlyMap<string, number>;
  private readonly template: { single: TemplateItem[]; pair: TemplateItem[] };

  constructor(
    json: unknown,
    readonly config: Record<string, unknown>,
    readonly path: string,
  ) {
    const parsed = json as TokenizerJson;
    try {
      this.full = new HuggingFaceTokenizer(parsed as object, config);
      this.plain = new HuggingFaceTokenizer(withoutControls(parsed) as object, config);
    } catch (error) {
      throw new TruecastError(`tokenizer cannot be used: ${path}: ${messageOf(error)}`);
    }
    this.controls = new Map(
      (parsed.added_tokens ?? []).filter((token) => token.special).map((token) => [token.content, token.id]),
    );
    this.template = readTemplate(parsed.post_processor, path);
  }

  /**
   * The tokenizer of a model folder: tokenizer.json, and where present tokenizer_config.json and
   * chat_template.jinja, which newer transformers write instead of the configuration's chat_template.
   */
  static load(folder: string): Tokenizer {
    const path = join(folder, 'tokenizer.json');
    const configPath = join(folder, 'tokenizer_config.json');
    const config = (existsSync(configPath) ? readJson(configPath, 'tokenizer configuration') : {}) as object;
    const templatePath = join(folder, 'chat_template.jinja');
    const template = existsSync(templatePath)
      ? { chat_template: readText(templatePath, 'chat template') }
      : {};
    return new Tokenizer(readJson(path, 'tokenizer'), { ...config, ...template }, path);
  }

  /** Ids of a text, which holds no control tokens whatever it looks like. */
  encode(text: string): number[] {
    return this.plain.encode(text.replaceAll(HIDDEN, ''), { add_special_tokens: false }).ids;
  }

  /** The id of a control token, such as `<bos>`. */
  control(token: string): number {
    const id = this.controls.get(token);
    if (id === undefined) throw new TruecastError(`${this.path} has no control token ${token}`);
    return id;
  }

  /** Entries of the vocabulary, control tokens included: what a model's embeddings must hold. */
  get vocabularySize(): number {
    let largest = -1;
    for (const id of this.full.get_vocab(true).values()) if (id > largest) largest = id;
    return largest + 1;
  }

  hasControl(token: string): boolean {
    return this.controls.has(token);
  }

  /** A template's text cut at its control tokens. */
  splitControls(template: string): (string | { id: number })[] {
    const parts: (string | { id: number })[] = [];
    let rest = template;
    while (rest !== '') {
      const next = this.firstControl(rest);
      if (!next) return [...parts, rest];
      if (next.at > 0) parts.push(rest.slice(0, next.at));
      parts.push({ id: next.id });
      rest = rest.slice(next.at + next.length);
    }
    return parts;
  }

  private firstControl(text: string): { at: number; length: number; id: number } | undefined {
    let first: { at: number; length: number; id: number } | undefined;
    for (const [token, id] of this.controls) {
      const at = text.indexOf(token);
      if (at < 0) continue;
      // the earliest, and of several at one place the longest
      const earlier = !first || at < first.at || (at === first.at && token.length > first.length);
      if (earlier) first = { at, length: token.length, id };
    }
    return first;
  }

  /** The text of ids, control tokens left out. */
  decode(ids: readonly number[]): string {
    if (ids.length === 0) return '';
    return this.full.decode([...ids], { skip_special_tokens: true, clean_up_tokenization_spaces: false });
  }

  /** A text, or a pair, with the control tokens that the model's template puts around them. */
  encodeInput(first: string, second?: string): TokenizedInput {
    const parts = { A: this.encode(first), B: second === undefined ? [] : this.encode(second) };
    const ids: number[] = [];
    const typeIds: number[] = [];
    for (const item of second === undefined ? this.template.single : this.template.pair) {
      const [piece, type] =
        'SpecialToken' in item
          ? [[this.control(item.SpecialToken.id)], item.SpecialToken.type_id]
          : [parts[item.Sequence.id], item.Sequence.type_id];
      for (const id of piece) {
        ids.push(id);
        typeIds.push(type);
      }
    }
    return { ids, typeIds };
  }
}

/** Hides the control tokens' pieces; no text keeps this character. */
const HIDDEN = '\0';

/**
 * The same tokenizer with no added token to split at, and with their entries in the vocabulary renamed to
 * what no text holds, so that their text is cut into ordinary pieces.
 */
function withoutControls(json: TokenizerJson): TokenizerJson {
  const added = json.added_tokens ?? [];
  const controls = new Set(added.filter((token) => token.special).map((token) => token.content));
  const hidden = (piece: string) =>
    controls.has(piece) && piece !== unknownToken(json) ? HIDDEN + piece : piece;
  const { vocab } = json.model;
  const renamed = Array.isArray(vocab)
    ? vocab.map(([piece, score]): [string, number] => [hidden(piece), score])
    : Object.fromEntries(Object.entries(vocab).map(([piece, id]) => [hidden(piece), id]));
  return {
    ...json,
    added_tokens: added.filter((token) => !token.special),
    model: { ...json.model, vocab: renamed },
    post_processor: null,
  };
}

/** The piece for what has no piece: the model looks it up by name, and no merge or match leads to it. */
function unknownToken(json: TokenizerJson): string | undefined {
  const { unk_token: token } = json.model as { unk_token?: string | null };
  return token ?? undefined;
}

function readTemplate(processor: PostProcessor | null | undefined, path: string) {
  const sequence = (id: 'A' | 'B', type_id: number): TemplateItem => ({ Sequence: { id, type_id } });
  switch (processor?.type) {
    case undefined:
    case 'ByteLevel':
      return { single: [sequence('A', 0)], pair: [sequence('A', 0), sequence('B', 0)] };
    case 'Sequence': {
      const inner = processor.processors?.find((part) => part.type !== 'ByteLevel');
      return readTemplate(inner, path);
    }
    case 'TemplateProcessing':
      return { single: processor.single ?? [], pair: processor.pair ?? [] };
    case 'BertProcessing':
    case 'RobertaProcessing': {
      const token = (piece: [string, number] | undefined, type_id: number): TemplateItem => ({
        SpecialToken: { id: piece?.[0] ?? '', type_id },
      });
      const roberta = processor.type === 'RobertaProcessing';
      const [cls, sep] = [processor.cls, processor.sep];
      const second = roberta ? 0 : 1;
      const single = [token(cls, 0), sequence('A', 0), token(sep, 0)];
      const middle = roberta ? [token(sep, 0)] : [];
      return { single, pair: [...single, ...middle, sequence('B', second), token(sep, second)] };
    }
    default:
      throw new TruecastError(`${path}: post-processor ${processor?.type} is not supported`);
  }
}
