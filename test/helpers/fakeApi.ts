import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll } from 'vitest';

/** What goes wrong with one request. */
export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string>; error?: Record<string, unknown> }
  | { kind: 'reset' | 'half body' | 'no JSON' | 'no completion' | 'stall' }
  /** The body comes in so many ms, byte by byte. */
  | { kind: 'drip'; ms: number }
  | { kind: 'filter' | 'refusal' | 'refusal in words' | 'cut off' }
  /** The completion's text instead of the right one. */
  | { kind: 'text'; text: string };

export interface Message {
  role: string;
  content: string;
}

export interface Asked {
  path: string;
  authorization: string | undefined;
  headers: Record<string, unknown>;
  body: {
    model: string;
    messages: Message[];
    temperature: number;
    max_tokens?: number;
    max_completion_tokens?: number;
    response_format?: { type: string; json_schema?: { name: string; schema: unknown; strict: boolean } };
  };
  /** Milliseconds since the server started. */
  at: number;
}

interface Batch {
  id: string;
  status: string;
  input_file_id: string;
  output_file_id?: string;
  error_file_id?: string;
  metadata?: Record<string, string>;
  polls: number;
}

/**
 * A local server that speaks as the chat completions and batches of OpenAI's API do, and misbehaves when told
 * to. Its answers are a function of the messages.
 */
export class FakeApi {
  readonly asked: Asked[] = [];
  /** Questions that got a whole, right answer, by their messages: how often. */
  readonly answered = new Map<string, number>();
  /** Chooses what goes wrong with a request. */
  fault: (asked: Asked, number: number) => Fault | undefined = () => undefined;
  /** What is answered to messages of a stage. */
  answer: (stage: string, messages: Message[]) => unknown = answerOf;
  baseUrl = '';
  /** Requests under way now, and the most there were. */
  busy = { now: 0, most: 0 };
  delayMs = 0;
  readonly files = new Map<string, string>();
  readonly batches: Batch[] = [];
  /** How a batch ends, and which of its lines are missing from the output. */
  batchEnd: (batch: Batch, line: number) => 'answer' | 'error' | 'missing' = () => 'answer';
  batchStatus: (batch: Batch) => string = () => 'completed';
  batchPolls = 1;
  private readonly begin = Date.now();
  private server: Server | undefined;

  static async start(): Promise<FakeApi> {
    const api = new FakeApi();
    await api.listen(0);
    afterAll(() => api.stop());
    return api;
  }

  async listen(port: number): Promise<void> {
    this.server = createServer((request, response) => {
      this.handle(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => this.server!.listen(port, '127.0.0.1', resolve));
    this.baseUrl = `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/v1`;
  }

  stop(): void {
    this.server?.close();
    this.server?.closeAllConnections();
  }

  reset(): void {
    this.asked.length = 0;
    this.answered.clear();
    this.files.clear();
    this.batches.length = 0;
    this.fault = () => undefined;
    this.answer = answerOf;
    this.batchEnd = () => 'answer';
    this.batchStatus = () => 'completed';
    this.batchPolls = 1;
    this.busy = { now: 0, most: 0 };
    this.delayMs = 0;
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString('utf8');
    const path = new URL(request.url!, 'http://api').pathname.replace(/^\/v1/, '');
    this.busy.now++;
    this.busy.most = Math.max(this.busy.most, this.busy.now);
    response.on('close', () => this.busy.now--);
    if (path !== '/chat/completions') return this.other(request.method!, path, text, response);
    const asked: Asked = {
      path,
      authorization: request.headers.authorization,
      headers: request.headers,
      body: JSON.parse(text),
      at: Date.now() - this.begin,
    };
    this.asked.push(asked);
    if (this.delayMs > 0) await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    const fault = this.fault(asked, this.asked.length);
    const json = (status: number, value: unknown, headers = {}) =>
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(value));
    if (fault?.kind === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    if (fault?.kind === 'stall') {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.write('{"choices": [');
      return;
    }
    if (fault?.kind === 'status') {
      json(fault.status, { error: fault.error ?? { message: `status ${fault.status}` } }, fault.headers);
      return;
    }
    const body = JSON.stringify(this.completion(asked.body, fault));
    if (fault?.kind === 'no completion') {
      json(200, { error: { message: 'upstream failed' } });
      return;
    }
    if (fault?.kind === 'no JSON') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('<html>bad gateway</html>');
      return;
    }
    if (fault?.kind === 'half body') {
      response.writeHead(200, {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      });
      response.write(body.slice(0, body.length / 2));
      setTimeout(() => response.destroy(), 5);
      return;
    }
    if (fault?.kind === 'drip') {
      response.writeHead(200, { 'content-type': 'application/json' });
      const pieces = 20;
      for (let i = 0; i < pieces && !response.destroyed; i++) {
        response.write(body.slice((i * body.length) / pieces, ((i + 1) * body.length) / pieces));
        await new Promise((resolve) => setTimeout(resolve, fault.ms / pieces));
      }
      response.end();
      if (response.destroyed) return;
    } else {
      response.writeHead(200, { 'content-type': 'application/json' }).end(body);
    }
    if (fault === undefined || fault.kind === 'drip') {
      const key = JSON.stringify(asked.body.messages);
      this.answered.set(key, (this.answered.get(key) ?? 0) + 1);
    }
  }

  private completion(body: Asked['body'], fault: Fault | undefined): unknown {
    const stage = stageOf(body.messages);
    const right = JSON.stringify(this.answer(stage, body.messages));
    const message: Record<string, unknown> = { role: 'assistant', content: right, refusal: null };
    let finish = 'stop';
    if (fault?.kind === 'filter') {
      message.content = null;
      finish = 'content_filter';
    }
    if (fault?.kind === 'refusal') {
      message.content = null;
      message.refusal = 'I will not do that.';
    }
    if (fault?.kind === 'refusal in words') message.content = "I'm sorry, but I can't help with that.";
    if (fault?.kind === 'cut off') {
      message.content = right.slice(0, 5);
      finish = 'length';
    }
    if (fault?.kind === 'text') message.content = fault.text;
    return {
      id: 'chatcmpl-1',
      object: 'chat.completion',
      model: body.model,
      choices: [{ index: 0, message, finish_reason: finish }],
      usage: { prompt_tokens: 100, completion_tokens: 20, total_tokens: 120 },
    };
  }

  private other(method: string, path: string, text: string, response: ServerResponse): void {
    const json = (status: number, value: unknown) =>
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
    if (method === 'POST' && path === '/files') {
      const id = `file-${this.files.size + 1}`;
      // the one part of the form that is JSON lines
      this.files.set(id, text.split(/\r\n/).find((part) => part.startsWith('{"custom_id"'))!);
      return void json(200, { id, object: 'file', purpose: 'batch' });
    }
    if (method === 'POST' && path === '/batches') {
      const { input_file_id, metadata } = JSON.parse(text);
      const batch: Batch = {
        id: `batch-${this.batches.length + 1}`,
        status: 'in_progress',
        input_file_id,
        metadata,
        polls: 0,
      };
      this.batches.push(batch);
      return void json(200, batch);
    }
    if (path === '/batches') return void json(200, { object: 'list', data: this.batches, has_more: false });
    const batch = this.batches.find(({ id }) => path === `/batches/${id}`);
    if (batch !== undefined) {
      if (++batch.polls > this.batchPolls && batch.status === 'in_progress') this.finish(batch);
      return void json(200, batch);
    }
    const [, file] = /^\/files\/([\w-]+)\/content$/.exec(path) ?? [];
    const content = this.files.get(file ?? '');
    if (content !== undefined) return void response.writeHead(200).end(content);
    json(404, { error: { message: 'no such thing' } });
  }

  private finish(batch: Batch): void {
    const output: string[] = [];
    const errors: string[] = [];
    const lines = this.files
      .get(batch.input_file_id)!
      .split('\n')
      .filter((line) => line !== '');
    lines.forEach((line, i) => {
      const { custom_id, body } = JSON.parse(line);
      const end = this.batchEnd(batch, i);
      if (end === 'missing') return;
      const row = (status_code: number, content: unknown) =>
        JSON.stringify({ id: `r${i}`, custom_id, response: { status_code, body: content }, error: null });
      if (end === 'error') errors.push(row(500, { error: { message: 'failed inside' } }));
      else {
        output.push(row(200, this.completion(body, undefined)));
        const key = JSON.stringify(body.messages);
        this.answered.set(key, (this.answered.get(key) ?? 0) + 1);
      }
    });
    // in another order than they were asked
    this.files.set(
      `${batch.id}-output`,
      output
        .reverse()
        .map((line) => `${line}\n`)
        .join(''),
    );
    this.files.set(`${batch.id}-errors`, errors.map((line) => `${line}\n`).join(''));
    batch.output_file_id = `${batch.id}-output`;
    batch.error_file_id = `${batch.id}-errors`;
    batch.status = this.batchStatus(batch);
  }
}

/** The stage, by the shape that the prompts ask for; relevance and verification are answered alike. */
function stageOf([system]: Message[]): string {
  const content = system!.content;
  if (content.includes('"statements"')) return 'statements';
  if (content.includes('"queries"')) return 'queries';
  if (content.includes('"entailed": ')) return 'responses';
  return content.includes('"neutral"') ? 'nli' : 'relevance';
}

const hash = (text: string) => createHash('sha256').update(text).digest();
const mark = (text: string) => hash(text).toString('hex').slice(0, 10);

/** The values that a prompt was filled with: what follows the colon of each line of the user's message. */
function values(messages: Message[]): string[] {
  return messages
    .at(-1)!
    .content.split('\n\n')
    .map((part) => part.replace(/^[^:：]*[:：]\s*/, ''));
}

/** What the server answers where nothing goes wrong: the same to the same words. */
export function answerOf(stage: string, messages: Message[]): unknown {
  const [first = '', second = '', third = ''] = values(messages);
  switch (stage) {
    case 'statements':
      // a sentence is a statement
      return {
        statements: (second || first).match(/[^.。]+[.。]/g)?.map((sentence) => sentence.trim()) ?? [],
      };
    case 'queries':
      return { queries: ['one', 'two', 'three'].map((n) => `Say ${mark(n + first)} of ${mark(first + n)}?`) };
    case 'responses':
      return {
        entailed: `Indeed ${mark(`e${first}`)} ${mark(second)} it is.`,
        neutral: `Perhaps ${mark(`n${first}`)} ${mark(second)} who knows.`,
        contradicted: `Never ${mark(`c${first}`)} ${mark(second)} at all.`,
      };
    case 'nli': {
      if (hash(third)[0]! % 16 === 0) return { label: 'neutral' };
      if (third.includes(mark(`e${first}`))) return { label: 'entailed' };
      return { label: third.includes(mark(`c${first}`)) ? 'contradicted' : 'neutral' };
    }
    default:
      return { label: hash(second)[0]! % 12 === 0 || hash(first + second)[1]! % 6 === 0 ? 'no' : 'yes' };
  }
}
