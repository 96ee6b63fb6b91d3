import { closeSync, existsSync, ftruncateSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { systemError, TruecastError } from '../support/errors.js';
import { Lock } from '../support/lock.js';
import { STAGES, type Stage, type TeacherReply } from './teacher.js';

/** Part `index` of `count`, counted from 1. */
export interface Shard {
  index: number;
  count: number;
}

const usage = z.object({ promptTokens: z.number(), completionTokens: z.number() });
const lineSchema = z.union([
  z.object({ key: z.string(), stage: z.enum(STAGES), text: z.string(), usage }),
  z.object({
    key: z.string(),
    stage: z.enum(STAGES),
    failure: z.enum(['refused', 'filtered', 'malformed', 'too-long', 'rejected']),
    detail: z.string(),
    usage,
  }),
]);
type Line = z.infer<typeof lineSchema>;

export interface StoredAnswer {
  stage: Stage;
  reply: TeacherReply;
  /** How often the question has been asked. */
  tries: number;
}

const FILE = /^answers(-(\d+)-of-(\d+))?\.jsonl$/;

/**
 * Every answer of a data set's teachers, in the folder `work` of the data set: JSON lines that are only added
 * to, by one process a file. An answer is on the disk before it is used. Of several answers to one question
 * the last one counts. A shard writes a file of its own and reads those of the others.
 */
export class AnswerStore {
  private readonly answers = new Map<string, StoredAnswer>();
  /** Bytes of each file that have been read. */
  private readonly read = new Map<string, number>();
  private queue: { line: Line; done(error?: unknown): void }[] = [];
  private writing: Promise<void> | undefined;
  private broken: unknown;
  /** Lines that are no answers: of a disk that lost something. Their questions are asked again. */
  damaged = 0;

  private constructor(
    readonly folder: string,
    /** What is written to; none where it is only looked at. */
    private readonly own?: { file: string; handle: FileHandle; lock: Lock },
  ) {}

  /** What is stored, for looking at alone: nothing is locked or made. */
  static look(folder: string): AnswerStore {
    const store = new AnswerStore(folder);
    if (existsSync(folder)) store.refresh();
    return store;
  }

  /** @throws TruecastError where another process writes there */
  static async open(folder: string, shard?: Shard): Promise<AnswerStore> {
    const what = `is building the data set in ${folder}`;
    const part = shard === undefined ? '' : `-${shard.index}-of-${shard.count}`;
    mkdirSync(folder, { recursive: true });
    const lock = Lock.take(join(folder, `answers${part}.lock`), what);
    try {
      // a run of the whole and one of a part would ask the same questions
      for (const name of readdirSync(folder)) {
        const other = name.endsWith('.lock') && (name === 'answers.lock') !== (shard === undefined);
        if (other) Lock.refuseIfHeld(join(folder, name), what);
      }
      const file = `answers${part}.jsonl`;
      const handle = await open(join(folder, file), 'a');
      const store = new AnswerStore(folder, { file, handle, lock });
      store.refresh();
      dropHalf(join(folder, file), store.read.get(file)!);
      return store;
    } catch (error) {
      lock.release();
      throw systemError(error, 'the answers cannot be stored') ?? error;
    }
  }

  get size(): number {
    return this.answers.size;
  }

  get(key: string): StoredAnswer | undefined {
    return this.answers.get(key);
  }

  entries(): IterableIterator<[string, StoredAnswer]> {
    return this.answers.entries();
  }

  /** Reads what other processes have added since. */
  refresh(): void {
    for (const name of readdirSync(this.folder)
      .filter((name) => FILE.test(name))
      .sort()) {
      // of our own file we know what we have added
      if (name === this.own?.file && this.read.has(name)) continue;
      const begin = this.read.get(name) ?? 0;
      this.read.set(name, this.readLines(join(this.folder, name), begin));
    }
  }

  /** Resolves once the answer is on the disk. */
  append(key: string, stage: Stage, reply: TeacherReply): Promise<void> {
    if (this.own === undefined) throw new Error('this store is only looked at');
    if (this.broken !== undefined) return Promise.reject(this.broken);
    return new Promise((resolve, reject) => {
      const done = (error?: unknown) => (error === undefined ? resolve() : reject(error));
      this.queue.push({ line: { key, stage, ...reply }, done });
      this.writing ??= this.drain();
    });
  }

  /** Takes over the answers of another folder's store that this one lacks; how many. */
  async takeOver(folder: string): Promise<number> {
    const names = existsSync(folder)
      ? readdirSync(folder)
          .filter((name) => FILE.test(name))
          .sort()
      : [];
    if (names.length === 0) {
      throw new TruecastError(`no answers in ${folder}`, 'name the --out folders of the shards');
    }
    const before = new Map(this.answers);
    for (const name of names) this.readLines(join(folder, name), 0);
    const gained = [...this.answers].filter(([key, answer]) => before.get(key) !== answer);
    this.answers.clear();
    for (const [key, answer] of before) this.answers.set(key, answer);
    const missing = gained.filter(([key, { reply }]) => {
      const ours = before.get(key);
      return ours === undefined || ('failure' in ours.reply && 'text' in reply);
    });
    await Promise.all(missing.map(([key, { stage, reply }]) => this.append(key, stage, reply)));
    return missing.length;
  }

  async close(): Promise<void> {
    await this.writing?.catch(() => {});
    await this.own?.handle.close();
    this.own?.lock.release();
  }

  private async drain(): Promise<void> {
    const { file, handle } = this.own!;
    while (this.queue.length > 0) {
      const taken = this.queue;
      this.queue = [];
      try {
        await handle.appendFile(taken.map(({ line }) => `${JSON.stringify(line)}\n`).join(''));
        await handle.datasync();
      } catch (error) {
        // half a line may be there: nothing may follow it
        this.broken = systemError(error, `cannot write ${join(this.folder, file)}`) ?? error;
        for (const { done } of [...taken, ...this.queue]) done(this.broken);
        this.queue = [];
        break;
      }
      for (const { line, done } of taken) {
        this.add(line);
        done();
      }
    }
    this.writing = undefined;
  }

  private add(line: Line): void {
    const { key, stage, ...reply } = line;
    this.answers.set(key, { stage, reply, tries: (this.answers.get(key)?.tries ?? 0) + 1 });
  }

  /** Adds the whole lines from a byte on; returns where they end. */
  private readLines(path: string, begin: number): number {
    const fd = openSync(path, 'r');
    try {
      const chunk = Buffer.alloc(1 << 20);
      let rest = Buffer.alloc(0);
      let position = begin;
      for (;;) {
        const n = readSync(fd, chunk, 0, chunk.length, position);
        if (n === 0) return position - rest.length;
        position += n;
        const bytes = Buffer.concat([rest, chunk.subarray(0, n)]);
        const end = bytes.lastIndexOf(0x0a) + 1;
        rest = Buffer.from(bytes.subarray(end));
        for (const line of bytes.subarray(0, end).toString('utf8').split('\n')) {
          if (line !== '') this.addText(line);
        }
      }
    } finally {
      closeSync(fd);
    }
  }

  private addText(text: string): void {
    try {
      this.add(lineSchema.parse(JSON.parse(text)));
    } catch {
      this.damaged++;
    }
  }
}

/** Cuts off what follows the last whole line. */
function dropHalf(path: string, end: number): void {
  const fd = openSync(path, 'r+');
  try {
    ftruncateSync(fd, end);
  } finally {
    closeSync(fd);
  }
}
