import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { messageOf, TruecastError } from '../src/support/errors.js';

/** The Python side (peers.py): the same work on the same models by PyTorch, asked line by line. */
export class Peer {
  private readonly answers: AsyncIterator<string>;

  private constructor(private readonly child: ChildProcessWithoutNullStreams) {
    this.answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  static async start(python: string, device: string, temporary: string): Promise<Peer> {
    const child = spawn(python, [join(import.meta.dirname, 'peers.py'), device], {
      env: { ...process.env, ...fairMkl(temporary), HF_HUB_OFFLINE: '1', TOKENIZERS_PARALLELISM: 'false' },
      stdio: 'pipe',
    });
    child.stderr.pipe(process.stderr);
    await new Promise((resolve, reject) => {
      child.once('spawn', resolve);
      child.once('error', (error) =>
        reject(new TruecastError(`${python} does not start: ${messageOf(error)}`, 'check --python')),
      );
    });
    return new Peer(child);
  }

  /** Sends a request; the answer's fields depend on it. */
  async ask<T>(request: Record<string, unknown>): Promise<T> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.answers.next();
    if (done) throw new TruecastError('the Python side ended', 'its message is above');
    const answer = JSON.parse(value) as T & { error?: string };
    if (answer.error !== undefined) throw new TruecastError(`the Python side: ${answer.error}`);
    return answer;
  }

  stop(): void {
    this.child.kill();
  }
}

/**
 * On AMD processors PyTorch's MKL takes a path of half the speed, unless a preloaded library tells it that
 * all is well: the comparison is to be with the faster one.
 */
function fairMkl(temporary: string): NodeJS.ProcessEnv {
  if (process.platform !== 'linux' || !/AuthenticAMD/.test(readFileSync('/proc/cpuinfo', 'utf8'))) return {};
  const library = join(temporary, 'mkl.so');
  const source = 'int mkl_serv_intel_cpu_true(void) { return 1; }';
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-x', 'c', '-o', library, '-'], { input: source });
    return { LD_PRELOAD: library };
  } catch (error) {
    process.stderr.write(`PyTorch runs with MKL's slow path for AMD processors: ${messageOf(error)}\n`);
    return {};
  }
}
