import { emitKeypressEvents } from 'node:readline';
import type { ReadStream, WriteStream } from 'node:tty';
import { UsageError } from '../../support/errors.js';
import { LABEL_KEYS, page } from './page.js';
import type { ReviewSession } from './session.js';

export interface ReviewTerminal {
  input: Pick<ReadStream, 'isTTY' | 'setRawMode' | 'on' | 'off' | 'resume' | 'pause'>;
  output: Pick<WriteStream, 'isTTY' | 'columns' | 'rows' | 'write' | 'on' | 'off'>;
  env: Readonly<Record<string, string | undefined>>;
}

interface Key {
  name?: string;
  sequence?: string;
  ctrl?: boolean;
  meta?: boolean;
}

/** The other screen, without its cursor; and back. */
const ENTER = '\x1b[?1049h\x1b[?25l';
const LEAVE = '\x1b[?25h\x1b[?1049l';
const CLEAR = '\x1b[H\x1b[2J';

/**
 * Shows a session's rows, a page each, and takes a keystroke for each, until the person quits or the input
 * ends. The terminal is left as it was, also where saving fails.
 *
 * @throws UsageError where there is no terminal
 */
export function reviewOnTerminal(session: ReviewSession, terminal: ReviewTerminal): Promise<void> {
  needTerminal(terminal);
  const { input, output, env } = terminal;
  // https://no-color.org: set to anything but nothing
  const color = !env.NO_COLOR && env.TERM !== 'dumb';
  const screen = env.TERM !== 'dumb';
  let scroll = 0;
  let maxScroll = 0;
  const draw = () => {
    const size = { columns: output.columns || 80, rows: output.rows || 24 };
    const shown = page(session, { ...size, color, scroll });
    maxScroll = shown.maxScroll;
    scroll = Math.min(scroll, maxScroll);
    output.write(`${screen ? CLEAR : '\n'}${shown.lines.join('\r\n')}`);
  };

  return new Promise((resolve, reject) => {
    const leave = () => output.write(screen ? LEAVE : '\r\n');
    const finish = (error?: unknown) => {
      input.off('keypress', onKey);
      input.off('end', onEnd);
      output.off('resize', draw);
      process.off('exit', leave);
      input.setRawMode(false);
      input.pause();
      leave();
      if (error === undefined) resolve();
      else reject(error);
    };
    const onEnd = () => finish();
    const onKey = (_: string | undefined, key: Key) => {
      try {
        if (key.name === 'up' || key.name === 'down') {
          scroll = Math.max(0, Math.min(maxScroll, scroll + (key.name === 'up' ? -1 : 1)));
        } else if (isQuit(key)) {
          finish();
          return;
        } else if (press(session, key)) {
          scroll = 0;
        } else {
          return;
        }
        draw();
      } catch (error) {
        finish(error);
      }
    };
    emitKeypressEvents(input as ReadStream);
    input.on('keypress', onKey);
    input.on('end', onEnd);
    output.on('resize', draw);
    // a signal ends the process elsewhere
    process.on('exit', leave);
    input.setRawMode(true);
    input.resume();
    if (screen) output.write(ENTER);
    draw();
  });
}

/** @throws UsageError where there is no terminal */
export function needTerminal({ input, output }: Pick<ReviewTerminal, 'input' | 'output'>): void {
  if (input.isTTY && output.isTTY) return;
  throw new UsageError(
    'review takes keystrokes, and standard input or standard error is no terminal',
    'run it in a terminal; --report prints what has been found, anywhere',
  );
}

/** In raw mode Ctrl-C and Ctrl-D are keys. */
function isQuit({ name, ctrl }: Key): boolean {
  return ctrl ? name === 'c' || name === 'd' : name === 'q';
}

/** Whether the key meant something. */
function press(session: ReviewSession, { name, ctrl, meta }: Key): boolean {
  if (ctrl || meta || name === undefined) return false;
  if (name === 'u') return session.undo();
  const row = session.current;
  if (row === undefined) return false;
  if (name === 's') {
    session.skip();
    return true;
  }
  const label = Object.hasOwn(LABEL_KEYS[row.table], name) ? LABEL_KEYS[row.table][name] : undefined;
  if (label === undefined) return false;
  session.label(label);
  return true;
}
