import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI, { toFile } from 'openai';
import { z } from 'zod';
import type { EndpointSpec } from '../../config/teacher.js';
import { TruecastError } from '../../support/errors.js';
import type { TeacherContext } from '../create.js';
import { requestKey } from '../key.js';
import { Secret } from '../secret.js';
import type { Teacher, TeacherReply, TeacherRequest } from '../teacher.js';
import { estimatePrompt } from '../tokens.js';
import { type BatchEntry, BatchJournal } from './batchJournal.js';
import { clientOf, identityOf, keyOf } from './client.js';
import { oneLine, Passing, Rejection, sorted } from './failures.js';
import { replyOf } from './reply.js';
import { Dialect } from './request.js';
import { retrying } from './retry.js';

/** The API's own limits: 50,000 requests, 200 MB; ours leave room. */
const MOST_REQUESTS = 50_000;
const MOST_BYTES = 150_000_000;
/** Questions that come within this time go together. */
const GATHER_MS = 100;
const TRANSFER_SECONDS = 300;

interface Waiting {
  request: TeacherRequest;
  key: string;
  /** Times that a batch ended without an answer to it. */
  failures: number;
  resolve(reply: TeacherReply): void;
  reject(error: unknown): void;
}

const batchLine = z.looseObject({
  custom_id: z.string(),
  response: z.looseObject({ status_code: z.number(), body: z.unknown() }).nullish(),
});
type BatchLine = z.infer<typeof batchLine>;

/**
 * Questions by the Batch API: those of a stage are gathered, uploaded as one file, and answered within a day.
 * A batch outlives this process: the next one finds it in the journal and fetches what it answers.
 */
export class BatchTeacher implements Teacher {
  readonly identity: Teacher['identity'];
  private readonly dialect: Dialect;
  private readonly journal: BatchJournal;
  private readonly waiting = new Map<string, Waiting>();
  private readonly stop = new AbortController();
  /** Batches whose answers have been handed out by this process. */
  private readonly fetched = new Set<BatchEntry>();
  private readonly signals = new WeakSet<AbortSignal>();
  private secret = new Secret(undefined);
  private client: OpenAI | undefined;
  private gathering: NodeJS.Timeout | undefined;
  private gathered: Waiting[] = [];

  constructor(
    private readonly spec: EndpointSpec,
    private readonly context: TeacherContext,
  ) {
    this.identity = identityOf(spec);
    this.dialect = new Dialect(spec);
    // teachers of several stages share a folder, not a journal
    const name = createHash('sha256')
      .update(JSON.stringify([spec.baseUrl, this.identity]))
      .digest('hex');
    this.journal = new BatchJournal(context.folder, name.slice(0, 12));
  }

  ask(request: TeacherRequest, signal?: AbortSignal): Promise<TeacherReply> {
    if (signal !== undefined && !this.signals.has(signal)) {
      this.signals.add(signal);
      signal.addEventListener('abort', () => this.halt(signal.reason), { once: true });
    }
    return new Promise((resolve, reject) => {
      const key = requestKey(request, this.identity);
      this.gather({ request, key, failures: 0, resolve, reject });
    });
  }

  /** What was fetched has been stored by now. */
  close(): void {
    this.halt(new Error('closed'));
    for (const entry of this.fetched) entry.over = true;
    if (this.fetched.size > 0) this.journal.save();
  }

  private gather(question: Waiting): void {
    this.gathered.push(question);
    this.waiting.set(question.key, question);
    this.gathering ??= setTimeout(() => {
      const questions = this.gathered;
      this.gathered = [];
      this.gathering = undefined;
      this.send(questions).catch((error) => this.halt(error));
    }, GATHER_MS);
  }

  private halt(error: unknown): void {
    if (this.stop.signal.aborted) return;
    clearTimeout(this.gathering);
    this.stop.abort(error);
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }

  /** Questions that an earlier batch has wait for that one, the others make new ones. */
  private async send(questions: Waiting[]): Promise<void> {
    this.client ??= this.connect();
    const earlier = new Set<BatchEntry>();
    const fresh: Waiting[] = [];
    for (const question of questions) {
      const entry = this.journal.holding(question.key);
      if (entry !== undefined && !this.fetched.has(entry)) earlier.add(entry);
      else fresh.push(question);
    }
    const entries = [...earlier, ...this.batches(fresh).map((lines) => this.enter(lines))];
    await Promise.all(entries.map((entry) => this.follow(entry)));
  }

  private batches(questions: readonly Waiting[]): Waiting[][] {
    const parts: Waiting[][] = [];
    let bytes = 0;
    for (const question of questions) {
      const size = Buffer.byteLength(this.line(question)) + 1;
      const last = parts.at(-1);
      if (last === undefined || last.length === MOST_REQUESTS || bytes + size > MOST_BYTES) {
        parts.push([question]);
        bytes = size;
      } else {
        last.push(question);
        bytes += size;
      }
    }
    return parts;
  }

  private enter(questions: readonly Waiting[]): BatchEntry {
    const entry = { mark: randomUUID(), keys: questions.map(({ key }) => key), over: false };
    this.journal.add(entry);
    return entry;
  }

  private line({ request, key }: Waiting): string {
    const body = this.dialect.body(request);
    return JSON.stringify({ custom_id: key, method: 'POST', url: '/v1/chat/completions', body });
  }

  /** Sends a batch that has not been, waits for its end, and hands out its answers. */
  private async follow(entry: BatchEntry): Promise<void> {
    entry.batch ??= await this.find(entry.mark);
    if (entry.batch === undefined) {
      const unsent = entry.keys.filter((key) => !this.waiting.has(key));
      if (unsent.length > 0) {
        // a process was killed before it sent this one, and not all of it is wanted any more
        entry.over = true;
        this.journal.save();
        for (const key of entry.keys) {
          const question = this.waiting.get(key);
          if (question !== undefined) this.gather(question);
        }
        return;
      }
      entry.batch = await this.create(entry);
    }
    this.journal.save();
    const batch = await this.finished(entry.batch);
    const answered = new Set([
      ...(await this.deliver(batch.output_file_id)),
      ...(await this.deliver(batch.error_file_id)),
    ]);
    if (batch.status === 'failed' || batch.status === 'cancelled') {
      entry.over = true;
      this.journal.save();
      const why = batch.errors?.data?.map(({ message }) => message).join('; ');
      throw new TruecastError(
        `the batch ${batch.id} was ${batch.status}${why ? `: ${oneLine(this.secret.redact(why))}` : ''}`,
        'mend what it says; the same command sends what is still missing',
      );
    }
    this.fetched.add(entry);
    for (const key of entry.keys) if (!answered.has(key)) this.again(key, `the batch ${batch.status}`);
  }

  private again(key: string, why: string): void {
    const question = this.waiting.get(key);
    if (question === undefined) return;
    question.failures++;
    if (question.failures >= this.spec.attempts) {
      const error = new TruecastError(
        `${why} without an answer, ${question.failures} times`,
        'try again later',
      );
      this.halt(error);
    } else this.gather(question);
  }

  private async create(entry: BatchEntry): Promise<string> {
    const text = entry.keys.map((key) => `${this.line(this.waiting.get(key)!)}\n`).join('');
    const input = await this.call(async (client, options) =>
      client.files.create(
        { file: await toFile(Buffer.from(text), `${entry.mark}.jsonl`), purpose: 'batch' },
        options,
      ),
    );
    let sent = false;
    return this.call(async (client, options) => {
      // the answer to the first try may have been lost, not the batch
      const known = sent ? await this.find(entry.mark) : undefined;
      if (known !== undefined) return known;
      sent = true;
      const batch = await client.batches.create(
        {
          input_file_id: input.id,
          endpoint: '/v1/chat/completions',
          completion_window: '24h',
          metadata: { truecast: entry.mark },
        },
        options,
      );
      this.context.progress.note(`batch ${batch.id}: ${entry.keys.length} questions`);
      return batch.id;
    });
  }

  /** The id of the batch with our mark, if the endpoint has it. */
  private find(mark: string): Promise<string | undefined> {
    return this.call(async (client, options) => {
      for await (const { id, metadata } of client.batches.list({ limit: 100 }, options)) {
        if (metadata?.truecast === mark) return id;
      }
      return undefined;
    });
  }

  private async finished(id: string): Promise<OpenAI.Batches.Batch> {
    for (;;) {
      const batch = await this.call((client, options) => client.batches.retrieve(id, options));
      if (['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) return batch;
      await sleep(1000 * this.spec.batchPollSeconds, undefined, { signal: this.stop.signal });
    }
  }

  /** Hands out the answers of a file; the keys of those that are final. */
  private async deliver(file: string | null | undefined): Promise<string[]> {
    if (!file) return [];
    const lines = await this.call(async (client, options) => {
      const text = await (await client.files.content(file, options)).text();
      const lines = text.split('\n').filter((line) => line.trim() !== '');
      // half a line throws here, where it is fetched again
      return lines.map((line) => batchLine.parse(JSON.parse(line)));
    });
    const keys: string[] = [];
    for (const line of lines) {
      const reply = this.read(line);
      if (reply === undefined) continue;
      keys.push(line.custom_id);
      const question = this.waiting.get(line.custom_id);
      this.waiting.delete(line.custom_id);
      question?.resolve(reply);
    }
    return keys;
  }

  /** What one line answers; undefined where asking again may help. */
  private read({ custom_id, response }: BatchLine): TeacherReply | undefined {
    if (!response) return undefined;
    try {
      if (response.status_code === 200) {
        const request = this.waiting.get(custom_id)?.request;
        return replyOf(response.body, request === undefined ? 0 : estimatePrompt(request), this.secret);
      }
      const said = (response.body as { error?: object } | null)?.error ?? {};
      throw OpenAI.APIError.generate(response.status_code, { error: said }, undefined, new Headers());
    } catch (thrown) {
      const error = this.sorted(thrown);
      if (error instanceof Passing) return undefined;
      if (!(error instanceof Rejection)) throw error;
      const usage = { promptTokens: 0, completionTokens: 0 };
      return { failure: error.reason, detail: error.message, usage };
    }
  }

  /** A call of the API, with our retries and a time-out for all of it. */
  private call<T>(work: (client: OpenAI, options: { signal: AbortSignal }) => Promise<T>): Promise<T> {
    const { attempts, pauseSeconds, longestWaitSeconds } = this.spec;
    const attempt = async () => {
      const late = new AbortController();
      const timer = setTimeout(() => late.abort(), 1000 * TRANSFER_SECONDS);
      try {
        return await work(this.client!, { signal: AbortSignal.any([late.signal, this.stop.signal]) });
      } catch (thrown) {
        this.stop.signal.throwIfAborted();
        if (late.signal.aborted) throw new Passing(`no whole answer within ${TRANSFER_SECONDS} s`);
        const error = this.sorted(thrown);
        if (error instanceof Rejection)
          throw new TruecastError(error.message, 'does the endpoint have batches?');
        throw error;
      } finally {
        clearTimeout(timer);
      }
    };
    return retrying(attempt, {
      attempts,
      pauseMs: 1000 * pauseSeconds,
      longestWaitMs: 1000 * longestWaitSeconds,
      progress: this.context.progress,
      signal: this.stop.signal,
    });
  }

  private sorted(thrown: unknown): Error {
    const { baseUrl, model } = this.spec;
    return sorted(thrown, { endpoint: baseUrl, model, secret: this.secret });
  }

  private connect(): OpenAI {
    this.secret = keyOf(this.spec, this.context.environment);
    return clientOf(this.spec, this.secret, this.context.environment);
  }
}
