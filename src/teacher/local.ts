import { encodeChat } from '../models/chatTemplate.js';
import { loadGemma } from '../models/decoders.js';
import { openModel } from '../models/files.js';
import { type GenerationRequest, generate } from '../models/gemma/generate.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import type { Tokenizer } from '../models/tokenizer.js';
import { TruecastError } from '../support/errors.js';
import { requestKey } from './key.js';
import type { Teacher, TeacherReply, TeacherRequest } from './teacher.js';

export interface LocalTeacherOptions {
  /** The model as the user names it, for provenance. */
  name: string;
  /** Where it is: a folder or a .gguf file. */
  path: string;
  /** Of the hub, where it came from there. */
  commit?: string;
  quantization: 'none' | 'nf4' | 'nf4-double';
  /** Questions answered at once; more are faster and take more memory. Answers don't depend on it. */
  batchSize: number;
  seed: number;
}

interface Waiting {
  request: TeacherRequest;
  prompt: number[];
  signal: AbortSignal | undefined;
  resolve(reply: TeacherReply): void;
  reject(error: unknown): void;
}

/**
 * A Gemma on this machine as the teacher. Questions that wait while it answers others are answered together
 * next. What it draws is seeded by the question alone, so an answer is the same in any batch and any order.
 *
 * The weights are read when something is asked. A model without a chat template is refused: a base model
 * continues text, it does not do what it is told.
 *
 * @throws TruecastError where the model cannot be loaded or has no chat template
 */
export function localTeacher(options: LocalTeacherOptions): Teacher {
  const tokenizer = openModel(options.path).tokenizer();
  if (tokenizer.config.chat_template === undefined) {
    throw new TruecastError(
      `${options.name} has no chat template: a base model does not follow instructions`,
      'take an instruction-tuned model, such as google/gemma-1.1-2b-it',
    );
  }
  return new LocalTeacher(tokenizer, options);
}

class LocalTeacher implements Teacher {
  readonly identity: Readonly<Record<string, string | number>>;
  readonly deterministic = true;
  private loaded: GemmaForCausalLM | undefined;
  private readonly queue: Waiting[] = [];
  private running: Promise<void> | undefined;
  private closed = false;

  constructor(
    private readonly tokenizer: Tokenizer,
    private readonly options: LocalTeacherOptions,
  ) {
    const { name, commit, quantization, seed } = options;
    this.identity = { teacher: 'local', model: name, ...(commit ? { commit } : {}), quantization, seed };
  }

  private get model(): GemmaForCausalLM {
    this.loaded ??= loadGemma(this.options.path, this.options);
    return this.loaded;
  }

  private get stopTokens(): number[] {
    const end = '<end_of_turn>';
    const { endTokens } = this.model.config;
    return this.tokenizer.hasControl(end) ? [this.tokenizer.control(end), ...endTokens] : [...endTokens];
  }

  async ask(request: TeacherRequest, signal?: AbortSignal): Promise<TeacherReply> {
    signal?.throwIfAborted();
    if (this.closed) throw new Error('the teacher is closed');
    const prompt = encodeChat(this.tokenizer, [{ role: 'user', content: userTurn(request) }], {
      addGenerationPrompt: true,
    });
    const room = this.model.maxLength - request.maxTokens;
    if (prompt.length > room) {
      const detail =
        `the prompt has ${prompt.length} tokens; with ${request.maxTokens} for the answer ` +
        `${this.options.name} takes ${Math.max(0, room)}`;
      return { failure: 'too-long', detail, usage: { promptTokens: prompt.length, completionTokens: 0 } };
    }
    return new Promise((resolve, reject) => {
      this.queue.push({ request, prompt, signal, resolve, reject });
      this.running ??= this.answerAll();
    });
  }

  /** Ends once what is being answered is; questions that still wait are turned away. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const { reject } of this.queue.splice(0)) reject(new Error('the teacher is closed'));
    if (this.running === undefined) this.loaded?.dispose();
  }

  private async answerAll(): Promise<void> {
    // what is asked in one go is answered in one go
    await Promise.resolve();
    while (this.queue.length > 0) {
      const batch = this.nextBatch();
      if (batch.length === 0) continue;
      try {
        const replies = await this.answer(batch);
        for (const [i, { resolve }] of batch.entries()) resolve(replies[i]!);
      } catch (error) {
        for (const { reject, signal } of batch) reject(signal?.aborted ? signal.reason : error);
      }
    }
    this.running = undefined;
    if (this.closed) this.loaded?.dispose();
  }

  /** Waiting questions of one temperature and length; those that nobody waits for any more are dropped. */
  private nextBatch(): Waiting[] {
    const waiting = this.queue.splice(0).filter(({ signal, reject }) => {
      if (signal?.aborted) reject(signal.reason);
      return !signal?.aborted;
    });
    const alike = (one: Waiting) =>
      one.request.temperature === waiting[0]!.request.temperature &&
      one.request.maxTokens === waiting[0]!.request.maxTokens;
    const batch = waiting.filter(alike).slice(0, this.options.batchSize);
    this.queue.push(...waiting.filter((one) => !batch.includes(one)));
    return batch;
  }

  private async answer(batch: readonly Waiting[]): Promise<TeacherReply[]> {
    const { temperature, maxTokens } = batch[0]!.request;
    const generations = await generate(
      this.model,
      batch.map(
        ({ request, prompt }): GenerationRequest => ({ prompt, key: requestKey(request, this.identity) }),
      ),
      {
        temperature,
        topK: 0,
        topP: 1,
        maxNewTokens: maxTokens,
        seed: this.options.seed,
        stopTokens: this.stopTokens,
      },
      () => {
        const [first] = batch;
        if (batch.every(({ signal }) => signal?.aborted)) throw first!.signal!.reason;
      },
    );
    return generations.map(({ ids, stopped }, i) => {
      const usage = { promptTokens: batch[i]!.prompt.length, completionTokens: ids.length };
      if (stopped) return { text: this.tokenizer.decode(ids).trim(), usage };
      const detail = `the answer was cut off after ${maxTokens} tokens`;
      return { failure: 'too-long', detail, usage };
    });
  }
}

/** Gemma has no system turn: the instructions open the user's. */
function userTurn({ messages }: TeacherRequest): string {
  return messages.map(({ content }) => content.trim()).join('\n\n');
}
