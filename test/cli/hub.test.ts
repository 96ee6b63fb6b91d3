import { cpSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { truecast, truecastJson } from '../helpers/cli.js';
import { FakeHub, filesUnder } from '../helpers/fakeHub.js';
import { killedAt } from '../helpers/killing.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { tinyConfigs, writeTinyCharacter, writeTinyProject } from '../helpers/tinyModels.js';

const temporary = temporaryFolders();
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const CHECKPOINTS = resolve('checkpoints');
let hub: FakeHub;
beforeAll(async () => {
  hub = await FakeHub.start();
});
afterEach(() => {
  hub.reset();
  hub.pace = { bytes: 64 * 1024, ms: 0 };
});

/** The environment of a machine with an empty cache, and this hub. */
const machine = (more: Record<string, string> = {}) => ({
  HF_ENDPOINT: hub.endpoint,
  HF_HOME: temporary(),
  HF_TOKEN: '',
  ...more,
});

const readJson = (...parts: string[]) => JSON.parse(readFileSync(join(...parts), 'utf8'));

describe('models by name', () => {
  it('score and chat give what local folders give, and go on without a network', async () => {
    const cwd = temporary();
    for (const name of ['tiny-gemma', 'tiny-judge-relevance', 'tiny-judge-nli'])
      hub.publishFolder(`ada/${name}`, join(CHECKPOINTS, name));
    const models = (of: (name: string) => string) => ({
      judges: ['--relevance', of('tiny-judge-relevance'), '--nli', of('tiny-judge-nli')],
      model: ['--model', of('tiny-gemma')],
    });
    const [local, named] = [models((name) => join(CHECKPOINTS, name)), models((name) => `ada/${name}`)];
    writeTinyCharacter(cwd);
    const asked = ['--character', 'bram.yaml', '--backend', 'wasm'];
    const answer = ['--query', 'How old are you?', '--response', 'Seventy-one.', 'Fifty.'];
    const score = (judges: string[], env: Record<string, string>) =>
      truecastJson(['score', ...asked, ...judges, ...answer], { cwd, env });
    const chat = async (model: string[], env: Record<string, string>) => {
      const args = ['chat', ...asked, ...model, '--max-new-tokens', '8', '--json'];
      const { stdout, stderr } = await truecast(args, { cwd, env, input: 'Who are you?\n' });
      expect(stdout, stderr).toMatch(/"reply":/);
      return stdout;
    };

    const env = machine();
    const expected = await score(local.judges, env);
    expect(hub.asked).toEqual([]);
    expect(await score(named.judges, env)).toEqual(expected);
    const reply = await chat(local.model, env);
    expect(await chat(named.model, env)).toBe(reply);
    hub.reset();
    const offline = { ...env, HF_HUB_OFFLINE: '1' };
    expect(await score(named.judges, offline)).toEqual(expected);
    expect(await chat(named.model, offline)).toBe(reply);
    expect(hub.asked).toEqual([]);

    const { code, stderr } = await truecast(['chat', ...asked, '--model', 'ada/unknown'], { cwd, env });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: ada\/unknown: .*no such model.*\n {2}→ check the spelling/);
  });

  it('a published discriminator without discriminator.json gets its text', async () => {
    const id = 'KomeijiForce/deberta-v3-large-nli-12character';
    hub.publishFolder(id, join(CHECKPOINTS, 'tiny-judge-nli'), ['discriminator.json']);
    const judges = ['--relevance', join(CHECKPOINTS, 'tiny-judge-relevance'), '--nli', id];
    const args = [
      'score',
      '--character',
      'odile',
      '--backend',
      'wasm',
      ...judges,
      '--query',
      'a',
      '--response',
      'b',
    ];
    const { stderr } = await truecast(args, { cwd: temporary(), env: machine() });
    // the text of 512 tokens is too long for the tiny model that stands in here
    expect(stderr).toMatch(/its format allows 512 tokens, the model takes \d+/);
  });
});

describe('runs', () => {
  let cwd: string;
  let env: Record<string, string>;
  const configs = tinyConfigs('wasm');
  const model = { ...configs.eu.model, base: 'ada/decoder' };

  beforeAll(async () => {
    cwd = temporary();
    env = machine();
    writeTinyProject(cwd, 'wasm');
    hub.publishFolder('ada/decoder', join(cwd, 'decoder'));
    hub.publishFolder('ada/encoder', join(cwd, 'encoder'));
  });

  function run<T>(command: string, config: object): Promise<T> {
    writeFileSync(join(cwd, 'config.yaml'), stringify(config));
    return truecastJson([command, '--config', 'config.yaml'], { cwd, env });
  }

  it('of every kind take every model by name; what they make names it, and its commit', async () => {
    for (const task of ['relevance', 'nli'] as const) {
      await run('train-discriminator', { ...configs[task], base: 'ada/encoder@main' });
      hub.publishFolder(`ada/${task}`, join(cwd, 'runs', task, 'model'));
    }
    const reward = { relevance: 'ada/relevance', nli: 'ada/nli' };
    await run('train-eu', { ...configs.eu, model });
    const eu = hub.publishFolder('ada/eu-adapter', join(cwd, 'runs/eu/adapter'));
    await run('train-dpo', { ...configs.dpo, model, discriminators: reward, startAdapter: 'ada/eu-adapter' });
    const dpo = hub.publishFolder('ada/dpo-adapter', join(cwd, 'runs/dpo/adapter'));
    const methods = [
      { method: 'eu', adapter: `ada/eu-adapter@${eu}`, dpo: 'ada/dpo-adapter' },
      { method: 'rag' },
    ];
    const { warnings } = await run<{ warnings: string[] }>('evaluate', {
      ...configs.evaluate,
      model,
      judge: reward,
      retriever: 'ada/relevance',
      methods,
    });
    expect(warnings.filter((warning) => warning.includes('circular'))).toHaveLength(2);

    const commits = readJson(cwd, 'runs/evaluate/models.json');
    expect(Object.keys(commits).sort()).toEqual(
      ['ada/decoder', 'ada/dpo-adapter', `ada/eu-adapter@${eu}`, 'ada/nli', 'ada/relevance'].sort(),
    );
    expect(commits['ada/dpo-adapter']).toBe(dpo);
    expect(parse(readFileSync(join(cwd, 'runs/evaluate/config.yaml'), 'utf8')).methods).toEqual(methods);
    const adapter = join(cwd, 'runs/dpo/adapter');
    expect(readJson(adapter, 'adapter_config.json').base_model_name_or_path).toBe('ada/decoder');
    expect(readJson(adapter, 'truecast.json')).toMatchObject({
      base: 'ada/decoder',
      baseCommit: commits['ada/decoder'],
    });
  });

  it('go on with the commit that they began with', async () => {
    const training = { ...configs.eu.training, saveEvery: 1 };
    const config = { ...configs.eu, model, training, run: { ...configs.eu.run, name: 'stopped' } };
    writeFileSync(join(cwd, 'stopped.yaml'), stringify(config));
    const call = ['train-eu', '--config', 'stopped.yaml'];
    const moment = { call: 'renameSync', path: 'checkpoints/step-000001', when: 'after' } as const;
    const killed = await truecast(call, { cwd, env: { ...env, ...killedAt(moment, temporary()) } });
    expect(killed.signal, killed.stderr).toBe('SIGKILL');
    const before = readJson(cwd, 'runs/stopped/models.json');

    // the branch moves on, to something that could not be trained on
    const newer = hub.publish('ada/decoder', {
      'config.json': '{"model_type": "other"}',
      'model.safetensors': '',
    });
    expect(before['ada/decoder']).not.toBe(newer);
    await truecastJson(call, { cwd, env });
    expect(readJson(cwd, 'runs/stopped/models.json')).toEqual(before);
    const weights = (name: string) =>
      readFileSync(join(cwd, 'runs', name, 'adapter/adapter_model.safetensors'));
    await run('train-eu', { ...config, model: configs.eu.model, run: { ...config.run, name: 'local' } });
    expect(weights('stopped').equals(weights('local'))).toBe(true);

    const fresh = { ...config, run: { ...config.run, name: 'fresh' } };
    await expect(run('train-eu', fresh)).rejects.toThrow('model_type "other"');
    expect(readJson(cwd, 'runs/fresh/models.json')['ada/decoder']).toBe(newer);
    // it has made nothing: mended, it begins with what there is then
    hub.publishFolder('ada/decoder', join(cwd, 'decoder'));
    await run('train-eu', fresh);
    expect(readJson(cwd, 'runs/fresh/models.json')['ada/decoder']).not.toBe(newer);
  });
});

describe('truecast download', () => {
  const bytes = Buffer.from(Uint32Array.from({ length: 500_000 }, (_, i) => Math.imul(i, 0x9e3779b1)).buffer);
  const files = { 'config.json': '{}', 'tokenizer.json': '{}', 'model.safetensors': bytes };
  const partialOf = (home: string) => {
    const blobs = join(home, 'hub/models--ada--big/blobs');
    return filesUnder(blobs)
      .filter((name) => name.endsWith('.incomplete'))
      .map((name) => join(blobs, name))[0];
  };

  it('killed, goes on where it was', async () => {
    hub.publish('ada/big', files);
    hub.pace = { bytes: 50_000, ms: 20 };
    const env = machine();
    const cwd = temporary();
    const killed = truecast(['download', 'ada/big'], {
      cwd,
      env,
      onStderr(child, stderr) {
        if (!stderr.includes('at commit')) return;
        const timer = setInterval(() => {
          const partial = partialOf(env.HF_HOME);
          if (partial === undefined || statSync(partial).size < 500_000) return;
          clearInterval(timer);
          child.kill('SIGKILL');
        }, 5);
      },
    });
    expect((await killed).signal).toBe('SIGKILL');
    const { size } = statSync(partialOf(env.HF_HOME)!);
    expect(size).toBeLessThan(bytes.length);
    hub.reset();
    hub.pace.ms = 0;
    const [model] = await truecastJson<{ path: string }[]>(['download', 'ada/big'], { cwd, env });
    expect(hub.asked.filter(({ at }) => at === 'cdn').map(({ range }) => range)).toEqual([`bytes=${size}-`]);
    expect(readFileSync(join(model!.path, 'model.safetensors')).equals(bytes)).toBe(true);
    expect(partialOf(env.HF_HOME)).toBeUndefined();
  });

  it('in two processes at once harms neither', async () => {
    hub.publish('ada/big', files);
    hub.pace = { bytes: 50_000, ms: 5 };
    const env = machine();
    const call = () => truecastJson<{ path: string }[]>(['download', 'ada/big'], { cwd: temporary(), env });
    const [[one], [other]] = await Promise.all([call(), call()]);
    expect(one!.path).toBe(other!.path);
    expect(readFileSync(join(one!.path, 'model.safetensors')).equals(bytes)).toBe(true);
    expect(filesUnder(join(env.HF_HOME, 'hub')).filter((name) => /incomplete|tmp/.test(name))).toEqual([]);
  });

  it('shows bytes and how long is left; doctor says where models come from, and no token', async () => {
    hub.publish('ada/big', files, { gated: true });
    const env = machine({ HF_TOKEN: hub.token });
    const cwd = temporary();
    const { code, stdout, stderr } = await truecast(['download', 'ada/big'], { cwd, env });
    expect(code, stderr).toBe(0);
    expect(stdout.trim()).toMatch(/snapshots\/[0-9a-f]{40}$/);
    expect(existsSync(stdout.trim())).toBe(true);
    expect(stderr).toMatch(/ada\/big: 2 files, 2\.0 MB, at commit/);
    expect(stderr).toMatch(/model\.safetensors 2\.0 MB\/2\.0 MB · \S+ \S+\/s · 0s left/);

    const doctor = await truecast(['doctor'], { cwd, env });
    expect(doctor.stdout).toContain(`models: ${hub.endpoint}, token in HF_TOKEN; cache ${env.HF_HOME}/hub`);
    expect(stderr + doctor.stdout + doctor.stderr).not.toContain(hub.token);
    const { hub: report } = await truecastJson<{ hub: object }>(['doctor'], {
      cwd,
      env: { ...env, HF_TOKEN: '', HF_HUB_OFFLINE: '1' },
    });
    expect(report).toEqual({
      endpoint: hub.endpoint,
      cache: join(env.HF_HOME, 'hub'),
      token: null,
      offline: 'HF_HUB_OFFLINE',
    });
  });

  it('of a folder is that folder', async () => {
    const cwd = temporary();
    cpSync(join(CHECKPOINTS, 'tiny-judge-nli'), join(cwd, 'ada/judge'), { recursive: true });
    const { stdout } = await truecast(['download', 'ada/judge'], { cwd, env: machine() });
    expect(stdout).toBe('ada/judge\n');
    expect(hub.asked).toEqual([]);
  });
});
