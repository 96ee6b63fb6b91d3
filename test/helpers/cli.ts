import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The built command line; `npm test` builds it first. */
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export interface CliResult {
  /** The exit status; null for a process that a signal ended. */
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface CliOptions {
  cwd: string;
  /** Written to standard input, which is then closed. */
  input?: string;
  env?: Record<string, string>;
  /** Called with the process and what it has written to standard error so far. */
  onStderr?: (child: ChildProcessWithoutNullStreams, stderr: string) => void;
}

/** Runs `truecast` with arguments in a process of its own. */
export function truecast(
  args: readonly string[],
  { cwd, input, env, onStderr }: CliOptions,
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...process.env, ...env } });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
      onStderr?.(child, stderr);
    });
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
    child.stdin.end(input ?? '');
  });
}

/** As `truecast`, of a command that must succeed: its results as JSON. */
export async function truecastJson<T = unknown>(args: readonly string[], options: CliOptions): Promise<T> {
  const result = await truecast([...args, '--json'], options);
  if (result.code !== 0) throw new Error(`truecast ${args.join(' ')} failed:\n${result.stderr}`);
  return JSON.parse(result.stdout) as T;
}
