import type OpenAI from 'openai';
import type { EndpointSpec } from '../../config/teacher.js';
import { TruecastError } from '../../support/errors.js';
import type { TeacherContext } from '../create.js';
import { Secret } from '../secret.js';
import type { Teacher, TeacherReply, TeacherRequest } from '../teacher.js';
import { estimatePrompt } from '../tokens.js';
import { BatchTeacher } from './batch.js';
import { clientOf, identityOf, keyOf } from './client.js';
import { Passing, Rejection, sorted } from './failures.js';
import { Pace, Slots } from './pace.js';
import { replyOf } from './reply.js';
import { Dialect } from './request.js';
import { GivenUp, retrying } from './retry.js';

/** So many requests are refused before it is clear that none will be taken. */
const HOPELESS = 5;

/** A model behind an OpenAI-like API. Nothing is asked of the endpoint before the first question. */
export function endpointTeacher(spec: EndpointSpec, context: TeacherContext): Teacher {
  return spec.batch ? new BatchTeacher(spec, context) : new EndpointTeacher(spec, context);
}

class EndpointTeacher implements Teacher {
  readonly identity: Teacher['identity'];
  private readonly dialect: Dialect;
  private readonly pace: Pace;
  private readonly slots: Slots;
  private secret = new Secret(undefined);
  private client: OpenAI | undefined;
  /** The first question is asked alone: what it teaches about the endpoint holds for all. */
  private first: Promise<unknown> | undefined;
  private refusedInARow = 0;
  private lastSuccess = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly spec: EndpointSpec,
    private readonly context: TeacherContext,
  ) {
    this.identity = identityOf(spec);
    this.dialect = new Dialect(spec);
    this.pace = new Pace(spec);
    this.slots = new Slots(spec.concurrency);
  }

  ask(request: TeacherRequest, signal?: AbortSignal): Promise<TeacherReply> {
    return this.slots.run(async () => {
      while (!this.dialect.proven) {
        if (this.first === undefined) {
          const first = this.answer(request, signal);
          this.first = first.catch(() => {});
          try {
            return await first;
          } finally {
            this.first = undefined;
          }
        }
        await this.first;
        signal?.throwIfAborted();
      }
      return this.answer(request, signal);
    });
  }

  close(): void {}

  private async answer(request: TeacherRequest, signal?: AbortSignal): Promise<TeacherReply> {
    signal?.throwIfAborted();
    const { attempts, pauseSeconds, longestWaitSeconds } = this.spec;
    /** When each try began. */
    const begun: number[] = [];
    const usage = { promptTokens: 0, completionTokens: 0 };
    try {
      const attempt = () => {
        begun.push(performance.now());
        return this.send(request, signal);
      };
      const reply = await retrying(attempt, {
        attempts,
        pauseMs: 1000 * pauseSeconds,
        longestWaitMs: 1000 * longestWaitSeconds,
        progress: this.context.progress,
        hold: (ms) => this.pace.hold(ms),
        signal,
      });
      this.dialect.proven = true;
      this.refusedInARow = 0;
      this.lastSuccess = performance.now();
      return reply;
    } catch (error) {
      if (error instanceof Rejection) {
        this.refusedInARow++;
        if (this.refusedInARow >= HOPELESS && this.lastSuccess === Number.NEGATIVE_INFINITY) {
          throw new TruecastError(
            `${new URL(this.spec.baseUrl).host} refuses every request: ${error.message}`,
            'mend the configuration as it says (teacher.model, teacher.parameters, temperature)',
          );
        }
        return { failure: error.reason, detail: error.message, usage };
      }
      if (error instanceof GivenUp) {
        // others were answered between the last two tries: it is this request that the endpoint cannot bear
        if (this.lastSuccess > (begun.at(-2) ?? begun[0]!))
          return { failure: 'rejected', detail: error.message, usage };
        throw new TruecastError(error.message, 'see what the endpoint lacks; the same command goes on');
      }
      throw error;
    }
  }

  /** One try; where the endpoint refuses our ways rather than the request, the next way at once. */
  private async send(request: TeacherRequest, signal?: AbortSignal): Promise<TeacherReply> {
    this.client ??= this.connect();
    const estimate = estimatePrompt(request);
    // as endpoints count it: the longest answer is set aside beforehand
    const reserved = estimate + request.maxTokens;
    for (;;) {
      await this.pace.pass(reserved, signal);
      try {
        const reply = replyOf(await this.post(this.dialect.body(request)), estimate, this.secret);
        this.pace.correct(reserved, reply.usage.promptTokens + reply.usage.completionTokens);
        return reply;
      } catch (thrown) {
        signal?.throwIfAborted();
        const { baseUrl, model } = this.spec;
        const error = sorted(thrown, { endpoint: baseUrl, model, secret: this.secret });
        // what was refused has cost nothing
        this.pace.correct(reserved, 0);
        if (!(error instanceof Rejection) || !this.dialect.adapt(error)) throw error;
      }
    }
  }

  /**
   * The whole body within the time-out: a server may stall after its headers, too. A question that is called
   * off while the answer is on its way gets it all the same, as it has been paid for.
   */
  private async post(body: ReturnType<Dialect['body']>): Promise<unknown> {
    const { timeoutSeconds } = this.spec;
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(), 1000 * timeoutSeconds);
    try {
      return await this.client!.chat.completions.create(body, { signal: late.signal });
    } catch (error) {
      if (late.signal.aborted) throw new Passing(`no whole answer within ${timeoutSeconds} s`);
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  private connect(): OpenAI {
    this.secret = keyOf(this.spec, this.context.environment);
    return clientOf(this.spec, this.secret, this.context.environment);
  }
}
