import type { Relevance } from '../apc/relevance.js';
import { type ChatMessage, encodeChat } from '../models/chatTemplate.js';
import { type GenerateOptions, type GenerationRequest, generate } from '../models/gemma/generate.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import type { Tokenizer } from '../models/tokenizer.js';
import { TruecastError } from '../support/errors.js';
import { type PersonaTurn, personaMessages } from './prompts.js';

/**
 * Ways to play a character: vanilla tells the model its name; eu (experience upload) the same, to a model
 * fine-tuned on the character's dialogues; lcm (long-context memory) tells every statement; rag the k that
 * are most relevant to the query.
 */
export const METHODS = ['vanilla', 'eu', 'lcm', 'rag'] as const;
export type Method = (typeof METHODS)[number];

export interface Character {
  id: string;
  name: string;
  language: string;
  statements: readonly string[];
}

export interface AgentOptions {
  method: Method;
  personaTurn: PersonaTurn;
  /** Statements that rag retrieves. */
  topK: number;
}

export interface Reply {
  text: string;
  /** Ended by itself, not by the length limit. */
  stopped: boolean;
  tokens: number;
}

const END_OF_TURN = '<end_of_turn>';

/** A model that plays a character. Which adapter is on is the model's affair. */
export class Agent {
  constructor(
    readonly character: Character,
    readonly model: GemmaForCausalLM,
    readonly tokenizer: Tokenizer,
    readonly options: AgentOptions,
    /** Retrieves for rag; other methods need none. */
    private readonly relevance?: Relevance,
  ) {}

  /** Tokens that end a reply: the end of a turn first, where the model has one, and the model's own ends. */
  get stopTokens(): number[] {
    const stops = [...this.model.config.endTokens];
    return this.tokenizer.hasControl(END_OF_TURN) ? [this.tokenizer.control(END_OF_TURN), ...stops] : stops;
  }

  /** A reply as ids to train on: its text, and the token that ends the turn. */
  replyTokens(text: string): number[] {
    const [end] = this.stopTokens;
    if (end === undefined)
      throw new TruecastError(`${this.tokenizer.path}: the model has no token that ends a reply`);
    return [...this.tokenizer.encode(text), end];
  }

  /** The prompts, as ids, for conversations that end with a user's message. */
  async prompts(conversations: readonly (readonly ChatMessage[])[]): Promise<number[][]> {
    const told = await this.statementsFor(conversations.map((messages) => messages.at(-1)!.content));
    const { name, language } = this.character;
    const { personaTurn } = this.options;
    return conversations.map((messages, i) => {
      const input = { name, language, statements: told[i]!, personaTurn };
      return encodeChat(this.tokenizer, personaMessages(input, messages), { addGenerationPrompt: true });
    });
  }

  /**
   * Replies to prompts, in one batch: by any character that the model plays, for prompts say who.
   * @param sampling its seed and each request's key decide the random numbers, not the batch
   */
  async replies(
    requests: readonly GenerationRequest[],
    sampling: Omit<GenerateOptions, 'stopTokens'>,
  ): Promise<Reply[]> {
    const generations = await generate(this.model, requests, { ...sampling, stopTokens: this.stopTokens });
    return generations.map(({ ids, stopped }) => ({
      text: this.tokenizer.decode(ids).trim(),
      stopped,
      tokens: ids.length,
    }));
  }

  /** @throws TruecastError where prompts and as many new tokens are more than the model takes: with counts */
  checkRoom(prompts: readonly (readonly number[])[], maxNewTokens: number): void {
    const context = this.model.maxLength;
    const lengths = prompts.map(({ length }) => length).filter((length) => length + maxNewTokens > context);
    if (lengths.length === 0) return;
    const { method, topK } = this.options;
    const remedies = {
      vanilla: 'shorten the queries or the conversation',
      eu: 'shorten the queries or the conversation',
      lcm: 'shorten the persona, or use the method rag, which tells only some statements',
      rag: `retrieve fewer statements than ${topK} (topK)`,
    };
    throw new TruecastError(
      `${method}: ${lengths.length} of ${prompts.length} prompts of ${this.character.name} are too long: up to ` +
        `${Math.max(...lengths)} tokens, and ${maxNewTokens} new ones, in a context of ${context}`,
      `${remedies[method]}; or lower maxNewTokens, or take a model with a longer context`,
    );
  }

  private async statementsFor(queries: readonly string[]): Promise<(readonly string[])[]> {
    const { method, topK } = this.options;
    const { statements } = this.character;
    switch (method) {
      case 'vanilla':
      case 'eu':
        return queries.map(() => []);
      case 'lcm':
        return queries.map(() => statements);
      case 'rag': {
        if (!this.relevance) throw new TruecastError('rag needs a relevance discriminator', 'name one');
        const found = await this.relevance.top(queries, topK);
        return found.map((indices) => indices.map((index) => statements[index]!));
      }
    }
  }
}
