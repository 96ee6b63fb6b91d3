import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { describeBackends } from '../helpers/backends.js';
import { truecast } from '../helpers/cli.js';
import { killedAt, type Moment } from '../helpers/killing.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { tinyConfigs, writeTinyProject } from '../helpers/tinyModels.js';

const temporary = temporaryFolders();

/** A dozen processes each, on a machine that may be busy. */
vi.setConfig({ testTimeout: 400_000 });

describeBackends('a command that is killed and started again ends with the same bytes', (backend) => {
  /** Where commands run undisturbed, where they are killed, and where the program is that kills them. */
  let undisturbed: string;
  let disturbed: string;
  let tools: string;

  beforeAll(() => {
    [undisturbed, disturbed, tools] = [temporary(), temporary(), temporary()];
    for (const folder of [undisturbed, disturbed]) {
      writeTinyProject(folder, backend);
      const methods = [{ method: 'vanilla', dpo: 'runs/dpo/adapter' }, { method: 'rag' }];
      const config = { ...tinyConfigs(backend).evaluate, methods, samples: 3 };
      writeFileSync(join(folder, 'evaluate.yaml'), stringify(config));
    }
  });

  /** Every file of a run, with the hash of its bytes. */
  function files(folder: string, run: string): Record<string, string> {
    const path = join(folder, 'runs', run);
    const names = (readdirSync(path, { recursive: true }) as string[]).sort();
    return Object.fromEntries(
      names
        .filter((name) => statSync(join(path, name)).isFile())
        .map((name) => [
          name,
          createHash('sha256')
            .update(readFileSync(join(path, name)))
            .digest('hex'),
        ]),
    );
  }

  async function succeeds(args: string[], cwd: string): Promise<string> {
    const { code, stdout, stderr } = await truecast(args, { cwd });
    expect(code, stderr).toBe(0);
    return stdout;
  }

  /** Kills a command at one moment after another, each time going on, and compares what it ends with. */
  async function survives(run: string, args: string[], moments: Moment[]): Promise<void> {
    const expected = await succeeds(args, undisturbed);
    for (const moment of moments) {
      const { signal, stderr } = await truecast(args, { cwd: disturbed, env: killedAt(moment, tools) });
      expect(signal, `${JSON.stringify(moment)}\n${stderr}`).toBe('SIGKILL');
      expect(existsSync(join(disturbed, 'runs', run, 'result.json'))).toBe(false);
    }
    expect(await succeeds(args, disturbed)).toBe(expected);
    expect(files(disturbed, run)).toEqual(files(undisturbed, run));
  }

  it('train-discriminator', async () => {
    await survives(
      'relevance',
      ['train-discriminator', '--config', 'relevance.yaml'],
      [
        { call: 'renameSync', path: 'config.yaml', when: 'before' },
        { call: 'appendFileSync', path: 'metrics.jsonl', nth: 2, when: 'halfway' },
        { call: 'renameSync', path: 'checkpoints/step-000003', when: 'after' },
        { call: 'renameSync', path: 'model/model.safetensors', when: 'before' },
        { call: 'renameSync', path: 'result.json', when: 'before' },
      ],
    );
  });

  it('train-dpo', async () => {
    await succeeds(['train-discriminator', '--config', 'nli.yaml'], undisturbed);
    const nli = join('runs', 'nli');
    mkdirSync(join(disturbed, nli), { recursive: true });
    cpSync(join(undisturbed, nli), join(disturbed, nli), { recursive: true });
    await survives(
      'dpo',
      ['train-dpo', '--config', 'dpo.yaml'],
      [
        { call: 'appendFileSync', path: 'samples.jsonl', nth: 2, when: 'halfway' },
        { call: 'appendFileSync', path: 'scores.partial.jsonl', when: 'halfway' },
        { call: 'renameSync', path: 'pairs.arrow', when: 'after' },
        { call: 'renameSync', path: 'reference.json', when: 'before' },
        { call: 'appendFileSync', path: 'metrics.jsonl', nth: 2, when: 'after' },
        { call: 'renameSync', path: 'checkpoints/step-000002', when: 'before' },
        { call: 'renameSync', path: 'checkpoints/step-000002', when: 'after' },
        { call: 'appendFileSync', path: 'metrics.jsonl', nth: 3, when: 'halfway' },
        { call: 'renameSync', path: 'adapter_config.json', when: 'before' },
        { call: 'renameSync', path: 'result.json', when: 'before' },
      ],
    );
  });

  it('evaluate', async () => {
    await survives(
      'evaluate',
      ['evaluate', '--config', 'evaluate.yaml'],
      [
        { call: 'appendFileSync', path: 'replies/generated.partial.jsonl', nth: 2, when: 'halfway' },
        { call: 'renameSync', path: 'replies/generated.arrow', when: 'before' },
        { call: 'appendFileSync', path: 'replies/judged.partial.jsonl', when: 'halfway' },
        { call: 'renameSync', path: 'replies/vanilla.arrow', when: 'before' },
        { call: 'renameSync', path: 'replies/vanilla-dpo.arrow', when: 'after' },
        { call: 'renameSync', path: 'result.json', when: 'before' },
      ],
    );
  });

  it('SIGINT stops between two steps, and the same command goes on', async () => {
    const cwd = undisturbed;
    const config = tinyConfigs(backend).relevance;
    const training = { ...config.training, epochs: 50 };
    writeFileSync(
      join(cwd, 'long.yaml'),
      stringify({ ...config, run: { ...config.run, name: 'long' }, training }),
    );
    const args = ['train-discriminator', '--config', 'long.yaml'];
    let sent = false;
    const stopped = await truecast(args, {
      cwd,
      onStderr(child, stderr) {
        if (sent || !stderr.includes('training 1/')) return;
        sent = true;
        child.kill('SIGINT');
      },
    });
    expect(stopped.code, stopped.stderr).toBe(130);
    expect(stopped.stdout).toBe('');
    expect(stopped.stderr).toMatch(/\nstopped: the same command goes on\n$/);
    expect(Object.keys(files(cwd, 'long')).filter((name) => name.includes('.tmp'))).toEqual([]);

    await succeeds(args, cwd);
    const lines = readFileSync(join(cwd, 'runs/long/metrics.jsonl'), 'utf8').trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).step)).toEqual(Array.from({ length: 200 }, (_, i) => i + 1));
  });
});
