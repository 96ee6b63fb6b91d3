import { messageOf, TruecastError } from '../support/errors.js';
import { type AddedToken, AddedTokenSplitter, readAddedToken } from './tokenizer/addedTokens.js';
import { type Decoder, readDecoder } from './tokenizer/decoders.js';
import { damaged, Fields } from './tokenizer/fields.js';
import { readTokenizerFiles } from './tokenizer/files.js';
import { readModel } from './tokenizer/model.js';
import { type Normalizer, readNormalizer } from './tokenizer/normalizers.js';
import { type PreTokenizer, readPreTokenizer } from './tokenizer/preTokenizers.js';
import { readTemplate, type Template } from './tokenizer/template.js';
import type { SubwordModel } from './tokenizer/vocabulary.js';

/** A text or pair of texts as a model reads it. */
export interface TokenizedInput {
  ids: number[];
  typeIds: number[];
}

/**
 * A tokenizer.json, with the ids of Hugging Face's tokenizers but for one thing: text is only ever text.
 * `<end_of_turn>` or `[SEP]` in a user's message becomes the pieces of its letters, never the control token.
 * Control tokens come from `control` and from the model's template alone.
 */
export class Tokenizer {
  /** Size of the vocabulary, control tokens included: what a model's embeddings must hold. */
  readonly vocabularySize: number;
  private readonly controls: ReadonlyMap<string, number>;
  private readonly controlIds: ReadonlySet<number>;
  private readonly raw: AddedTokenSplitter;
  private readonly normalize: Normalizer;
  private readonly normalized: AddedTokenSplitter;
  private readonly preTokenize: PreTokenizer;
  private readonly model: SubwordModel;
  private readonly decoder: Decoder;
  private readonly template: Template;
  /** By id; with holes, where the file has them. */
  private readonly pieces: readonly string[];

  /**
   * @param json as tokenizer.json has it
   * @param config as tokenizer_config.json has it
   * @param path for messages
   * @throws TruecastError where the tokenizer is damaged or needs what is not supported
   */
  constructor(
    json: unknown,
    readonly config: Record<string, unknown>,
    readonly path: string,
  ) {
    const file = new Fields(json, path);
    const part = <T>(key: string, read: (fields: Fields) => T, absent: T): T =>
      file.has(key) ? read(new Fields(file.value(key), `${path}: ${key}`)) : absent;
    try {
      const added = file.objects('added_tokens', []).map(readAddedToken);
      const controls = added.filter((token) => token.special);
      this.controls = new Map(controls.map(({ content, id }) => [content, id]));
      this.controlIds = new Set(this.controls.values());
      const { model, pieces } = readModel(
        new Fields(file.value('model'), `${path}: model`),
        new Set(this.controls.keys()),
      );
      this.model = model;
      this.vocabularySize = sizeFor(pieces, added);
      for (const { id, content } of added) pieces[id] = content;
      this.pieces = pieces;
      this.normalize = part('normalizer', readNormalizer, (text: string) => text);
      const texts = added.filter((token) => !token.special);
      this.raw = new AddedTokenSplitter(texts.filter((token) => !token.normalized));
      this.normalized = new AddedTokenSplitter(
        texts.filter((token) => token.normalized),
        this.normalize,
      );
      this.preTokenize = part('pre_tokenizer', readPreTokenizer, (pieces) => pieces);
      this.decoder = part('decoder', readDecoder, (tokens: string[]) => [tokens.join(' ')]);
      this.template = part('post_processor', readTemplate, readTemplate(undefined));
    } catch (error) {
      throw error instanceof TruecastError ? error : damaged(`${path}: ${messageOf(error)}`);
    }
  }

  /**
   * The tokenizer of a model folder: its tokenizer.json or, where there is none, its SentencePiece model; with
   * tokenizer_config.json where present.
   */
  static load(folder: string): Tokenizer {
    const { json, config, path } = readTokenizerFiles(folder);
    return new Tokenizer(json, config, path);
  }

  /** Ids of a text, which holds no control tokens whatever it looks like. Half surrogate pairs become U+FFFD. */
  encode(text: string): number[] {
    const ids: number[] = [];
    let first = true;
    for (const section of this.raw.split(text.replace(/\p{Surrogate}/gu, '\ufffd'))) {
      for (const part of typeof section === 'number'
        ? [section]
        : this.normalized.split(this.normalize(section))) {
        if (typeof part === 'number') ids.push(part);
        else for (const word of this.preTokenize([{ text: part, first }])) this.model.encode(word.text, ids);
        first = false;
      }
    }
    return ids;
  }

  /** The id of a control token, such as `<bos>`. */
  control(token: string): number {
    const id = this.controls.get(token);
    if (id === undefined) throw new TruecastError(`${this.path} has no control token ${token}`);
    return id;
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

  /** The text of ids; control tokens, and ids that the vocabulary does not have, left out. */
  decode(ids: readonly number[]): string {
    const tokens: string[] = [];
    for (const id of ids) {
      const piece = this.pieces[id];
      if (piece !== undefined && !this.controlIds.has(id)) tokens.push(piece);
    }
    return this.decoder(tokens).join('');
  }

  /** A text, or a pair, with the control tokens that the model's template puts around them. */
  encodeInput(first: string, second?: string): TokenizedInput {
    const texts = { first: this.encode(first), second: second === undefined ? [] : this.encode(second) };
    const ids: number[] = [];
    const typeIds: number[] = [];
    for (const item of second === undefined ? this.template.single : this.template.pair) {
      for (const id of 'token' in item ? [this.control(item.token)] : texts[item.text]) {
        ids.push(id);
        typeIds.push(item.type);
      }
    }
    return { ids, typeIds };
  }
}

/**
 * Special tokens beyond the model's own vocabulary do not count: Gemma 3's stands for images, DeBERTa's for masks,
 * and models whose embeddings lack them are published with them.
 */
function sizeFor(pieces: readonly string[], added: readonly AddedToken[]): number {
  return added.reduce((size, { id, special }) => (special ? size : Math.max(size, id + 1)), pieces.length);
}
