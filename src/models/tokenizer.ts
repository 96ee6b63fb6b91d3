import { messageOf, TruecastError } from '../support/errors.js';
import { readAddedToken } from './tokenizer/addedTokens.js';
import { buildEngine } from './tokenizer/engine.js';
import { damaged, Fields } from './tokenizer/fields.js';
import { readTokenizerFiles } from './tokenizer/files.js';
import type { Tokenizer as Engine } from './tokenizer/library.js';
import { readTemplate, type Template } from './tokenizer/template.js';

/** A text or pair of texts as a model reads it. */
export interface TokenizedInput {
  ids: number[];
  typeIds: number[];
}

/**
 * A tokenizer.json, through @huggingface/tokenizers. Text is only ever text:
 * `<end_of_turn>` or `[SEP]` in a user's message becomes the pieces of its letters, never the control token.
 * Control tokens come from `control` and from the model's template alone.
 */
export class Tokenizer {
  /** Size of the vocabulary, control tokens included: what a model's embeddings must hold. */
  readonly vocabularySize: number;
  private readonly controls: ReadonlyMap<string, number>;
  private readonly controlIds: ReadonlySet<number>;
  private readonly engine: Engine;
  private readonly template: Template;

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
    try {
      const added = file.objects('added_tokens', []).map(readAddedToken);
      const controls = added.filter((token) => token.special);
      this.controls = new Map(controls.map(({ content, id }) => [content, id]));
      this.controlIds = new Set(this.controls.values());
      this.engine = buildEngine(file, added);
      // Special tokens beyond the model's own vocabulary do not count: Gemma 3's stands for images, DeBERTa's for
      // masks, and models whose embeddings lack them are published with them.
      this.vocabularySize = this.engine.model.vocab.length;
      this.template = readTemplate(file.has('post_processor') ? file.part('post_processor') : undefined);
    } catch (error) {
      throw this.failed(error);
    }
  }

  /** An error of the library, as one that names the file. */
  private failed(error: unknown): TruecastError {
    return error instanceof TruecastError ? error : damaged(`${this.path}: ${messageOf(error)}`);
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
    const { ids, tokens } = this.encoded(text.replace(/\p{Surrogate}/gu, '\ufffd'));
    const missing = ids.indexOf(undefined);
    if (missing >= 0)
      throw damaged(`${this.path}: has no piece for ${JSON.stringify(tokens[missing])}, nor for the unknown`);
    return ids as number[];
  }

  private encoded(text: string) {
    try {
      return this.engine.encode(text, { add_special_tokens: false });
    } catch (error) {
      throw this.failed(error);
    }
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
      const piece = this.engine.model.vocab[id];
      if (piece !== undefined && !this.controlIds.has(id)) tokens.push(piece);
    }
    const { decoder } = this.engine;
    return decoder ? decoder.decode(tokens) : tokens.join(' ');
  }

  /**
   * A text, or a pair, with the control tokens that the model's template puts around them.
   * @param known ids of texts that came before, and takes those of the new ones: each is encoded once
   */
  encodeInput(first: string, second?: string, known?: Map<string, readonly number[]>): TokenizedInput {
    const encode = (text: string): readonly number[] => {
      const ids = known?.get(text) ?? this.encode(text);
      known?.set(text, ids);
      return ids;
    };
    const texts = { first: encode(first), second: second === undefined ? [] : encode(second) };
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
