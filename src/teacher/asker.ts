import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { z } from 'zod';
import { type Progress, silent } from '../support/progress.js';
import { requestKey } from './key.js';
import { parseAnswer } from './parse.js';
import type { AnswerStore, Shard } from './store.js';
import type { FailureReason, Stage, Teacher, TeacherRequest, Usage } from './teacher.js';

/** A question of a stage: a request whose answer has a known shape. */
export interface Question<S extends z.ZodType = z.ZodType> extends TeacherRequest {
  answer: S;
  /** The text by which a shard finds its own: a statement's questions stay together. */
  owner: string;
}

export type Outcome<T> =
  | { status: 'answered'; key: string; value: T }
  | { status: 'failed'; key: string; reason: FailureReason; detail: string; tries: number }
  /** It is for another shard, or nobody is to be asked. */
  | { status: 'open'; key: string };

export interface AskerOptions {
  /** The teacher of each stage. */
  teachers: Readonly<Record<Stage, Teacher>>;
  /** How often a question is asked whose answers are of no use. */
  tries: number;
  shard?: Shard | undefined;
  /** Asks nothing. */
  dry?: boolean;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** Failures after which the same question may get a good answer. */
const WORTH_ASKING_AGAIN: readonly FailureReason[] = ['refused', 'filtered', 'malformed'];

/** Asks what the store does not know yet, and stores each answer before anyone sees it. */
export class Asker {
  /** What this process was charged. */
  readonly spent: Usage & { questions: number } = { promptTokens: 0, completionTokens: 0, questions: 0 };
  private readonly underWay = new Map<string, Promise<Outcome<unknown>>>();
  private readonly again = new Map<string, number>();
  private readonly stop = new AbortController();

  constructor(
    private readonly store: AnswerStore,
    private readonly options: AskerOptions,
  ) {
    // one for each request under way
    setMaxListeners(0, this.stop.signal);
    const { signal } = options;
    signal?.addEventListener('abort', () => this.stop.abort(signal.reason), { once: true });
  }

  /** These questions are asked once more, whatever their answers were. */
  retry(keys: Iterable<string>): void {
    for (const key of keys) this.again.set(key, this.store.get(key)?.tries ?? 0);
  }

  identity(stage: Stage): Teacher['identity'] {
    return this.options.teachers[stage].identity;
  }

  /**
   * The outcomes of a stage's questions, in their order, with progress.
   * @throws what the teacher throws; what has been answered by then is stored
   */
  async askAll<S extends z.ZodType>(
    stage: Stage,
    questions: readonly Question<S>[],
  ): Promise<Outcome<z.infer<S>>[]> {
    const progress = this.options.progress ?? silent;
    const keys = questions.map((question) => requestKey(question, this.identity(stage)));
    const known = questions.map((question, i) => this.known(question, keys[i]!));
    const open = known.filter((outcome) => outcome === undefined).length;
    if (open === 0) return known as Outcome<z.infer<S>>[];
    let done = questions.length - open;
    let failed = 0;
    const bar = progress.start(stage, questions.length, done);
    try {
      return await Promise.all(
        questions.map(async (question, i) => {
          const before = known[i];
          if (before !== undefined) return before;
          const outcome = await this.once(question, keys[i]!);
          if (outcome.status === 'failed') failed++;
          bar.update(++done, failed > 0 ? { failed: String(failed) } : {});
          return outcome;
        }),
      );
    } catch (error) {
      this.stop.abort(error);
      // answers that are on their way have been paid for
      await Promise.allSettled(this.underWay.values());
      throw error;
    } finally {
      bar.stop();
    }
  }

  /** What needs no asking; undefined where the teacher must be asked. */
  private known<S extends z.ZodType>(question: Question<S>, key: string): Outcome<z.infer<S>> | undefined {
    const outcome = this.stored(question, key);
    const { dry, shard } = this.options;
    if (outcome !== undefined && (dry || !this.isToAsk(outcome, question.stage))) return outcome;
    if (dry || (shard !== undefined && shardOf(question.owner, shard.count) !== shard.index)) {
      return outcome ?? { status: 'open', key };
    }
    return undefined;
  }

  /** Equal questions are asked once. */
  private once<S extends z.ZodType>(question: Question<S>, key: string): Promise<Outcome<z.infer<S>>> {
    let outcome = this.underWay.get(key);
    if (outcome === undefined) {
      outcome = this.ask(question, key);
      this.underWay.set(key, outcome);
      const gone = () => this.underWay.delete(key);
      outcome.then(gone, gone);
    }
    return outcome as Promise<Outcome<z.infer<S>>>;
  }

  private async ask<S extends z.ZodType>(question: Question<S>, key: string): Promise<Outcome<z.infer<S>>> {
    const { owner: _, ...request } = question;
    for (;;) {
      const reply = await this.options.teachers[question.stage].ask(request, this.stop.signal);
      await this.store.append(key, question.stage, reply);
      this.spent.questions++;
      this.spent.promptTokens += reply.usage.promptTokens;
      this.spent.completionTokens += reply.usage.completionTokens;
      const outcome = this.stored(question, key)!;
      if (!this.isToAsk(outcome, question.stage)) return outcome;
    }
  }

  private stored<S extends z.ZodType>(question: Question<S>, key: string): Outcome<z.infer<S>> | undefined {
    const stored = this.store.get(key);
    if (stored === undefined) return undefined;
    const { reply, tries } = stored;
    const parsed =
      'text' in reply
        ? parseAnswer(reply.text, question.answer)
        : { failure: reply.failure, detail: reply.detail };
    if ('value' in parsed) return { status: 'answered', key, value: parsed.value };
    return { status: 'failed', key, reason: parsed.failure, detail: parsed.detail, tries };
  }

  private isToAsk(outcome: Outcome<unknown>, stage: Stage): boolean {
    const { key } = outcome;
    const tries = this.store.get(key)?.tries ?? 0;
    const since = this.again.get(key);
    // asked for once more
    if (since !== undefined && tries === since) return true;
    if (outcome.status !== 'failed' || !WORTH_ASKING_AGAIN.includes(outcome.reason)) return false;
    const { deterministic } = this.options.teachers[stage];
    return tries - (since ?? 0) < (deterministic ? 1 : this.options.tries);
  }
}

/** The shard, from 1 to `count`, that a text belongs to: by its words alone. */
export function shardOf(text: string, count: number): number {
  return (createHash('sha256').update(text).digest().readUInt32BE(0) % count) + 1;
}
