import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import type { ReviewTerminal } from '../../src/teacher/review/terminal.js';

/** A terminal that keys are pressed on, and whose screen can be read. */
export class FakeTerminal implements ReviewTerminal {
  readonly input = Object.assign(new PassThrough(), {
    isTTY: true as const,
    raw: false,
    setRawMode(mode: boolean) {
      this.raw = mode;
      return this;
    },
  }) as unknown as PassThrough & ReviewTerminal['input'] & { raw: boolean };
  readonly output: ReviewTerminal['output'];
  written = '';

  constructor(
    { columns, rows }: { columns: number; rows: number } = { columns: 80, rows: 24 },
    readonly env: Record<string, string> = { NO_COLOR: '1' },
  ) {
    const output = Object.assign(new EventEmitter(), {
      isTTY: true,
      columns,
      rows,
      write: (text: string) => {
        this.written += text;
        return true;
      },
    });
    this.output = output as unknown as ReviewTerminal['output'];
  }

  /** The screen since it was last cleared, as lines. */
  get screen(): string[] {
    return this.written.split('\x1b[H\x1b[2J').at(-1)!.split('\r\n');
  }

  async press(...keys: string[]): Promise<void> {
    for (const key of keys) {
      this.input.write(key);
      // a key is read in a later turn
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  resize(columns: number, rows: number): void {
    Object.assign(this.output, { columns, rows });
    (this.output as unknown as EventEmitter).emit('resize');
  }
}
