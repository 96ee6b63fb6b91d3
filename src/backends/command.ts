import { spawn } from 'node:child_process';

export interface CommandResult {
  /** 'missing' where the program was not found. */
  status: 'ok' | 'failed' | 'missing';
  /** How it ended, in words: `exit code 1`, `signal SIGILL`. */
  ended: string;
  stdout: string;
  stderr: string;
}

/** Runs a program to its end and returns what it printed; never throws. */
export function runCommand(
  program: string,
  args: string[],
  options: { env?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: options.env ?? process.env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString('utf8');
    });
    child.on('error', (error: NodeJS.ErrnoException) => {
      const missing = error.code === 'ENOENT' || error.code === 'EACCES';
      resolve({ status: missing ? 'missing' : 'failed', ended: error.message, stdout, stderr });
    });
    child.on('close', (code, signal) => {
      const ended = signal ? `signal ${signal}` : `exit code ${code}`;
      resolve({ status: code === 0 ? 'ok' : 'failed', ended, stdout, stderr });
    });
  });
}

/** The last lines of a program's output, for an error message. */
export function lastLines(text: string, count = 8): string {
  return text.trimEnd().split('\n').slice(-count).join('\n');
}
