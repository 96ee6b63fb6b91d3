import { mkdirSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { locateModels, type WantedModel } from '../../src/hub/locate.js';
import type { HubSettings } from '../../src/hub/settings.js';
import { TruecastError } from '../../src/support/errors.js';
import type { Progress } from '../../src/support/progress.js';
import { silent } from '../../src/support/progress.js';
import { FakeHub, filesUnder, gitHash, sha256 } from '../helpers/fakeHub.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const ID = 'ada/tiny';
/** 300 kB without a period, so that a piece in the wrong place shows. */
const WEIGHTS = Buffer.from(Uint32Array.from({ length: 75_000 }, (_, i) => Math.imul(i, 0x9e3779b1)).buffer);
const MODEL: Record<string, string | Buffer> = {
  'README.md': 'a model',
  '.gitattributes': '*.bin',
  'config.json': '{"model_type": "gemma"}',
  'model.safetensors': WEIGHTS,
  'pytorch_model.bin': 'old',
  'tf_model.h5': 'other',
  'flax_model.msgpack': 'other',
  'onnx/model.onnx': 'other',
  'original/consolidated.00.pth': 'other',
  'tokenizer.json': '{}',
  'tokenizer_config.json': '{"a": 1}',
  'spm.model': 'pieces',
  'chat_template.jinja': 'x',
  'training_args.bin': 'pickle',
};

let hub: FakeHub;
beforeAll(async () => {
  hub = await FakeHub.start();
});
afterEach(() => {
  hub.reset();
  hub.pace = { bytes: 64 * 1024, ms: 0 };
});

function settings(changes: Partial<HubSettings> = {}): HubSettings {
  return { endpoint: hub.endpoint, cache: temporary(), timeoutMs: 400, pauseMs: 2, ...changes };
}

const locate = async (
  reference: string,
  given: HubSettings,
  { progress = silent, ...more }: Partial<WantedModel> & { progress?: Progress } = {},
) => (await locateModels([{ reference, purpose: 'model', ...more }], progress, given))[0]!;

async function refusal(work: Promise<unknown>): Promise<{ message: string; remedy: string }> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof TruecastError)) throw error;
    expect(error.remedy, error.message).toBeTruthy();
    return { message: error.message, remedy: error.remedy! };
  }
  throw new Error('expected a refusal');
}

function listener(): Progress & { notes: string[] } {
  const notes: string[] = [];
  return { ...silent, notes, note: (text) => notes.push(text) };
}

const folderOf = ({ cache }: HubSettings, id = ID) => join(cache, `models--${id.replace('/', '--')}`);

describe('a model of the hub', () => {
  it('comes into the cache as Python lays it out, the needed files alone', async () => {
    const commit = hub.publish(ID, MODEL);
    const given = settings({ token: hub.token });
    const model = await locate(ID, given);
    const snapshot = join(folderOf(given), 'snapshots', commit);
    expect(model).toEqual({ reference: ID, path: snapshot, repository: ID, commit });
    const needed = [
      'chat_template.jinja',
      'config.json',
      'model.safetensors',
      'spm.model',
      'tokenizer.json',
      'tokenizer_config.json',
    ];
    expect(filesUnder(snapshot)).toEqual(needed);
    expect(readFileSync(join(folderOf(given), 'refs/main'), 'utf8')).toBe(commit);
    for (const name of needed) {
      const bytes = Buffer.from(MODEL[name]!);
      const hash = bytes.length < 1000 ? gitHash(bytes) : sha256(bytes);
      expect(readlinkSync(join(snapshot, name)), name).toBe(`../../blobs/${hash}`);
      expect(readFileSync(join(snapshot, name)).equals(bytes), name).toBe(true);
    }
    expect(filesUnder(join(folderOf(given), 'blobs'))).toHaveLength(needed.length);

    hub.reset();
    expect(await locate(ID, given)).toEqual(model);
    expect(hub.sent).toEqual([]);
  });

  it('gets the token, the CDN does not', async () => {
    hub.publish(ID, MODEL);
    await locate(ID, settings({ token: hub.token }));
    expect(hub.asked.filter(({ at }) => at === 'cdn')).toHaveLength(1);
    for (const { at, path, authorization } of hub.asked) {
      expect(authorization, path).toBe(at === 'hub' ? `Bearer ${hub.token}` : undefined);
    }
    hub.reset();
    await locate(ID, settings());
    expect(hub.asked.filter(({ authorization }) => authorization !== undefined)).toEqual([]);
  });

  it('at a branch, a tag, a commit or a pull request; one commit’s files are not another’s', async () => {
    const first = hub.publish('ada/moving', { ...MODEL, 'config.json': '{"v": 1}' });
    hub.publish('ada/moving', { ...MODEL, 'config.json': '{"v": 2}' }, { branch: 'v2.0' });
    const request = hub.publish(
      'ada/moving',
      { ...MODEL, 'config.json': '{"v": 3}' },
      { branch: 'refs/pr/1' },
    );
    const given = settings();
    const version = async (reference: string, commit?: string) => {
      const { path } = await locate(reference, given, commit ? { commit } : {});
      return JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')).v;
    };
    expect(await version('ada/moving')).toBe(1);
    expect(await version('ada/moving@v2.0')).toBe(2);
    expect(await version('ada/moving@refs/pr/1')).toBe(3);
    expect(await version(`ada/moving@${request}`)).toBe(3);
    expect(hub.sent.filter((name) => name === 'model.safetensors')).toHaveLength(1);
    const refs = join(folderOf(given, 'ada/moving'), 'refs');
    expect(filesUnder(refs)).toEqual(['main', 'refs/pr/1', 'v2.0']);

    hub.publish('ada/moving', { ...MODEL, 'config.json': '{"v": 4}' });
    expect(await version('ada/moving', first)).toBe(1);
    expect(readFileSync(join(refs, 'main'), 'utf8')).toBe(first);
    expect(await version('ada/moving')).toBe(4);
  });

  it('in shards, in safetensors before what PyTorch saved', async () => {
    const index = (...shards: string[]) =>
      JSON.stringify({ weight_map: Object.fromEntries(shards.map((name, i) => [`t${i}`, name])) });
    const { 'model.safetensors': _, ...rest } = MODEL;
    hub.publish('ada/sharded', {
      ...rest,
      'model.safetensors.index.json': index(
        'model-2.safetensors',
        'model-1.safetensors',
        'model-2.safetensors',
      ),
      'model-1.safetensors': '1',
      'model-2.safetensors': '2',
      'model-3.safetensors': 'belongs to nothing',
    });
    const { path } = await locate('ada/sharded', settings());
    const weights = filesUnder(path).filter((name) => name.startsWith('model') || name.endsWith('.bin'));
    expect(weights).toEqual(['model-1.safetensors', 'model-2.safetensors', 'model.safetensors.index.json']);

    hub.publish('ada/pickled', rest);
    expect(filesUnder((await locate('ada/pickled', settings())).path)).toContain('pytorch_model.bin');

    hub.publish('ada/lost', { ...rest, 'model.safetensors.index.json': index('model-9.safetensors') });
    const { message } = await refusal(locate('ada/lost', settings()));
    expect(message).toContain('ada/lost has no model-9.safetensors');
  });

  it('as one .gguf file, or as an adapter', async () => {
    const commit = hub.publish('ada/quantised', {
      'README.md': 'x',
      'a-Q4.gguf': WEIGHTS,
      'sub/b c.gguf': 'b',
    });
    const given = settings();
    const { path } = await locate('ada/quantised:a-Q4.gguf', given);
    expect(path).toBe(join(folderOf(given, 'ada/quantised'), 'snapshots', commit, 'a-Q4.gguf'));
    expect(readFileSync(path).equals(WEIGHTS)).toBe(true);
    const nested = await locate('ada/quantised@main:sub/b c.gguf', given);
    expect(readFileSync(nested.path, 'utf8')).toBe('b');
    expect(readlinkSync(nested.path)).toBe(`../../../blobs/${gitHash(Buffer.from('b'))}`);
    expect((await refusal(locate('ada/quantised:c.gguf', given))).remedy).toContain(
      'a-Q4.gguf, sub/b c.gguf',
    );
    expect((await refusal(locate('ada/quantised', given))).remedy).toContain('ada/quantised:a-Q4.gguf');

    hub.publish('ada/adapter', {
      'adapter_config.json': '{}',
      'adapter_model.safetensors': WEIGHTS,
      'tokenizer.json': '{}',
      'truecast.json': '{}',
    });
    const adapter = ['adapter_config.json', 'adapter_model.safetensors', 'truecast.json'];
    const found = await locate('ada/adapter', given, { purpose: 'adapter' });
    expect(filesUnder(found.path)).toEqual(adapter);
    expect((await refusal(locate('ada/adapter', given))).remedy).toContain('it is an adapter');
    hub.publish(ID, MODEL);
    const wrong = await refusal(locate(ID, given, { purpose: 'adapter' }));
    expect(wrong.message).toContain('has no adapter_config.json');
    expect(wrong.remedy).toContain('whole model');
    const [either] = await locateModels([{ reference: 'ada/adapter' }], silent, settings());
    expect(filesUnder(either!.path)).toEqual(adapter);
  });

  it('is not asked for where a path of that name exists, or nothing but a path can be meant', async () => {
    const given = settings();
    const folder = temporary();
    expect((await locate(folder, given)).path).toBe(folder);
    // not even its settings are looked at
    vi.stubEnv('HF_ENDPOINT', 'nonsense');
    expect(await locateModels([{ reference: folder }], silent)).toEqual([
      { reference: folder, path: folder },
    ]);
    vi.unstubAllEnvs();
    for (const path of ['./a/b', '/a/b', '~/a', 'a\\b', 'a/b/c', 'plain', 'a/b/c.gguf', '../a', 'a/../b'])
      expect((await refusal(locate(path, given))).message).toBe(`model not found: ${path}`);
    for (const revision of ['', '../x', '/etc', 'a..b', 'a b', '-x', 'a.lock', 'x/../../y', '.', 'a\n'])
      expect((await refusal(locate(`ada/tiny@${revision}`, given))).message).toContain('is no revision');
    for (const file of ['', 'a.bin', '../a.gguf', '/a.gguf', 'a/../../b.gguf', 'a\\b.gguf', 'a//b.gguf'])
      expect((await refusal(locate(`ada/tiny:${file}`, given))).message).toContain('is no .gguf file');
    expect(hub.asked).toEqual([]);
  });
});

describe('a download that fails', () => {
  const ranges = () => hub.asked.filter(({ at }) => at === 'cdn').map(({ range }) => range);
  const whole = async (given: HubSettings, progress: Progress = silent) => {
    hub.publish(ID, MODEL);
    const { path } = await locate(ID, given, { progress });
    expect(readFileSync(join(path, 'model.safetensors')).equals(WEIGHTS)).toBe(true);
    expect(filesUnder(given.cache).filter((name) => /incomplete|tmp/.test(name))).toEqual([]);
  };

  it('goes on where the connection broke', async () => {
    hub.fail('model.safetensors', { kind: 'reset', after: 100_000 }, { kind: 'reset', after: 50_000 });
    const progress = listener();
    await whole(settings(), progress);
    expect(ranges()).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
    expect(progress.notes.filter((note) => /; again in \d+ s/.test(note))).toHaveLength(2);
  });

  it('goes on where the server was silent for too long', async () => {
    hub.fail('model.safetensors', { kind: 'stall', after: 70_000 });
    const progress = listener();
    await whole(settings(), progress);
    expect(ranges()).toEqual([undefined, 'bytes=70000-']);
    expect(progress.notes.join('\n')).toContain('sent nothing for 0.4 s');
  });

  it('goes on where a body ended early, of a small file and a large one', async () => {
    hub.fail('model.safetensors', { kind: 'truncate', after: 299_999 });
    hub.fail('config.json', { kind: 'truncate', after: 3 });
    await whole(settings());
    expect(ranges()).toEqual([undefined, 'bytes=299999-']);
  });

  it('takes a server that knows no ranges, and none that mixes them up', async () => {
    const broken = { kind: 'reset', after: 1000 } as const;
    hub.fail('model.safetensors', broken, { kind: 'no ranges' });
    await whole(settings());
    hub.reset();
    hub.fail('model.safetensors', broken, { kind: 'other range' });
    await whole(settings());
    expect(ranges()).toEqual([undefined, 'bytes=1000-', 'bytes=1000-']);
  });

  it('is tried again after errors of the server, in listings too', async () => {
    for (const name of ['revision', 'tree', 'config.json', 'model.safetensors'])
      hub.fail(name, { kind: 'status', status: 500 }, { kind: 'status', status: 503 });
    hub.fail('tree', { kind: 'reset', after: 0 }, { kind: 'stall', after: 0 });
    await whole(settings());
  });

  it('waits as long as a server that is asked too often says', async () => {
    const slow = (value: string) =>
      ({ kind: 'status', status: 429, headers: { 'retry-after': value } }) as const;
    hub.fail('model.safetensors', slow('1'));
    hub.fail('tree', slow(new Date(Date.now() + 2000).toUTCString()));
    const begin = Date.now();
    await whole(settings());
    expect(Date.now() - begin).toBeGreaterThan(1900);

    hub.fail('revision', slow('86400'));
    const { message } = await refusal(locate(ID, settings()));
    expect(message).toContain('answered 429');
  });

  it('begins anew once where the checksum is wrong, then gives up and keeps nothing', async () => {
    hub.fail('model.safetensors', { kind: 'damage' });
    hub.fail('config.json', { kind: 'damage' });
    const progress = listener();
    await whole(settings(), progress);
    expect(progress.notes.filter((note) => note.includes('checksum is wrong'))).toHaveLength(2);

    for (const name of ['model.safetensors', 'config.json']) {
      hub.reset();
      hub.fail(name, { kind: 'damage' }, { kind: 'damage' });
      const given = settings();
      const { message } = await refusal(locate(ID, given));
      expect(message).toContain(`${name} from 127.0.0.1`);
      expect(message).toContain('is damaged');
      expect(filesUnder(given.cache).filter((file) => file.includes(name))).toEqual([]);
      expect(filesUnder(given.cache).filter((file) => file.includes('incomplete'))).toEqual([]);
    }
  });

  it('gives up after some failures in a row, and keeps what came', async () => {
    hub.publish(ID, MODEL);
    hub.fail('model.safetensors', { kind: 'reset', after: 100_000 });
    hub.fail(
      'model.safetensors',
      ...Array.from({ length: 6 }, () => ({ kind: 'status', status: 502 }) as const),
    );
    const given = settings();
    const { message, remedy } = await refusal(locate(ID, given));
    expect(message).toContain('localhost');
    expect(message).toContain('answered 502');
    expect(remedy).toContain('goes on where it stopped');
    hub.reset();
    const progress = listener();
    await whole(given, progress);
    expect(ranges()).toEqual(['bytes=100000-']);
    expect(progress.notes[0]).toMatch(/^ada\/tiny: \d files, 200 kB, at commit/);
  });

  it('takes no more than was listed', async () => {
    hub.publish(ID, MODEL);
    hub.fail('model.safetensors', { kind: 'more' });
    const given = settings();
    expect((await refusal(locate(ID, given))).message).toContain('sends more than the 300000 bytes');
    hub.reset();
    await whole(given);
  });

  it('leaves the revision as it was until the model is whole; a cut blob is fetched again', async () => {
    const first = hub.publish('ada/updated', MODEL);
    const given = settings();
    await locate('ada/updated', given);
    const changed = Buffer.concat([WEIGHTS, WEIGHTS]);
    const second = hub.publish('ada/updated', { ...MODEL, 'model.safetensors': changed });
    hub.fail('model.safetensors', { kind: 'status', status: 404 });
    await refusal(locate('ada/updated', given));
    const offline = await locate('ada/updated', { ...given, offline: 'HF_HUB_OFFLINE' });
    expect(offline.commit).toBe(first);
    const { path, commit } = await locate('ada/updated', given);
    expect(commit).toBe(second);

    const blob = join(folderOf(given, 'ada/updated'), 'blobs', sha256(changed));
    writeFileSync(blob, changed.subarray(0, 1000));
    await locate('ada/updated', given);
    expect(readFileSync(join(path, 'model.safetensors')).equals(changed)).toBe(true);
  });

  it('of many at once harms none of them', async () => {
    hub.publish(ID, MODEL);
    hub.pace = { bytes: 10_000, ms: 1 };
    hub.fail('model.safetensors', { kind: 'reset', after: 120_000 }, { kind: 'damage' });
    const given = settings();
    const found = await Promise.all(Array.from({ length: 5 }, () => locate(ID, given)));
    expect(hub.asked.filter(({ at }) => at === 'cdn').length).toBeGreaterThan(1);
    expect(new Set(found.map(({ path }) => path)).size).toBe(1);
    await whole(given);
  });
});

describe('what cannot be had is told at once', () => {
  it('a repository, revision or file that is not there', async () => {
    hub.publish(ID, MODEL);
    const unknown = await refusal(locate('ada/tinny', settings()));
    expect(unknown.message).toContain('no such path here');
    expect(unknown.remedy).toContain('set HF_TOKEN');
    const known = await refusal(locate('ada/tinny', settings({ token: hub.token, tokenFrom: 'HF_TOKEN' })));
    expect(known.remedy).toContain('the token in HF_TOKEN');
    const revision = await refusal(locate(`${ID}@v9`, settings()));
    expect(revision.message).toContain('ada/tiny has no revision v9');
    const commit = await refusal(locate(`${ID}@${'0'.repeat(40)}`, settings()));
    expect(commit.message).toContain('has no revision 000');
    hub.publish('ada/empty', { 'README.md': 'x' });
    const empty = await refusal(locate('ada/empty', settings()));
    expect(empty.message).toContain('has no config.json and no weights (model.safetensors');
  });

  it('before the others are downloaded', async () => {
    hub.publish(ID, MODEL);
    const wanted = [ID, 'ada/nothing'].map((reference) => ({ reference, purpose: 'model' as const }));
    await refusal(locateModels(wanted, silent, settings()));
    await refusal(locateModels([...wanted.slice(0, 1), { reference: './nowhere' }], silent, settings()));
    expect(hub.sent).not.toContain('model.safetensors');
  });

  it('a gated model: what to do, with a token and without; the token is not shown', async () => {
    hub.publish('ada/gated', MODEL, { gated: true });
    const stranger = await refusal(locate('ada/gated', settings()));
    expect(stranger.message).toContain('the model is gated');
    expect(stranger.remedy).toContain(`accept its licence at ${hub.endpoint}/ada/gated`);
    expect(stranger.remedy).toContain('HF_TOKEN');
    await locate('ada/gated', settings({ token: hub.token }));

    hub.fail('config.json', { kind: 'status', status: 403 });
    const given = settings({ token: hub.token, tokenFrom: '/home/ada/token' });
    const refused = await refusal(locate('ada/gated', given));
    expect(refused.remedy).toContain('accept its licence');
    expect(refused.remedy).toContain('the token in /home/ada/token');
    expect(refused.message + refused.remedy).not.toContain(hub.token);

    hub.publish(ID, MODEL);
    const bad = await refusal(locate(ID, settings({ token: 'hf_wrong', tokenFrom: 'HF_TOKEN' })));
    expect(bad.message).toContain('refuses the token in HF_TOKEN');
    expect(bad.message + bad.remedy).not.toContain('hf_wrong');
  });

  it('a disk without room, a cache that cannot be written', async () => {
    hub.publish(ID, MODEL);
    hub.relist = (entries) =>
      entries.map((entry) =>
        entry.path === 'model.safetensors'
          ? { ...entry, lfs: { oid: 'a'.repeat(64), size: 2 ** 52 } }
          : entry,
      );
    const full = await refusal(locate(ID, settings()));
    expect(full.message).toMatch(/^4504 TB are to be downloaded, .* are free in /);
    expect(full.remedy).toContain('HF_HUB_CACHE');
    hub.reset();
    const file = join(temporary(), 'file');
    writeFileSync(file, '');
    const blocked = await refusal(locate(ID, settings({ cache: join(file, 'cache') })));
    expect(blocked.message).toContain(file);
    expect(blocked.remedy).toContain('a file stands where a folder is wanted');
  });
});

describe('without a network', () => {
  const COMMIT = 'c'.repeat(40);

  /** A snapshot in the layout that Python's huggingface_hub writes. */
  function pythonCache(files: Record<string, string>, id = ID): string {
    const cache = temporary();
    const folder = join(cache, `models--${id.replace('/', '--')}`);
    for (const part of ['blobs', 'refs', `snapshots/${COMMIT}`])
      mkdirSync(join(folder, part), { recursive: true });
    mkdirSync(join(cache, '.locks'));
    writeFileSync(join(folder, 'refs/main'), COMMIT);
    for (const [name, text] of Object.entries(files)) {
      const hash = gitHash(Buffer.from(text));
      writeFileSync(join(folder, 'blobs', hash), text);
      symlinkSync(join('../../blobs', hash), join(folder, 'snapshots', COMMIT, name));
    }
    return cache;
  }
  const files = { 'config.json': '{}', 'model.safetensors': 'w', 'tokenizer.json': '{}' };
  const offline = (cache: string) => settings({ cache, offline: 'HF_HUB_OFFLINE' });

  it('what Python has downloaded is used', async () => {
    const cache = pythonCache(files);
    const path = join(cache, 'models--ada--tiny/snapshots', COMMIT);
    for (const reference of [ID, `${ID}@main`, `${ID}@${COMMIT}`])
      expect(await locate(reference, offline(cache))).toMatchObject({ path, commit: COMMIT });
    expect(hub.asked).toEqual([]);
  });

  it('what is missing is said, and where it was looked for', async () => {
    const nothing = await refusal(locate('ada/other', offline(pythonCache(files))));
    expect(nothing.message).toMatch(
      /HF_HUB_OFFLINE forbids downloads.*ada\/other \(main\).*models--ada--other/,
    );
    expect(nothing.remedy).toContain('truecast download ada/other');
    const branch = await refusal(locate(`${ID}@v2`, offline(pythonCache(files))));
    expect(branch.message).toContain('ada/tiny (v2) is not in the cache');

    const { 'tokenizer.json': _, ...untold } = files;
    expect((await refusal(locate(ID, offline(pythonCache(untold))))).message).toContain('lacks a tokenizer');
    const dangling = pythonCache(files);
    rmSync(join(dangling, 'models--ada--tiny/blobs', gitHash(Buffer.from('w'))));
    expect((await refusal(locate(ID, offline(dangling)))).message).toContain(
      'lacks weights (model.safetensors',
    );
    const index = '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}';
    const sharded = pythonCache({
      'config.json': '{}',
      'tokenizer.json': '{}',
      'model.safetensors.index.json': index,
      'model-1.safetensors': 'w',
    });
    expect((await refusal(locate(ID, offline(sharded)))).message).toContain('lacks model-2.safetensors');
    expect((await refusal(locate(`${ID}:a.gguf`, offline(sharded)))).message).toContain('lacks a.gguf');
    expect(hub.asked).toEqual([]);
  });

  it('a hub that cannot be reached is told; the cache, where it is complete, stands in, and that is said', async () => {
    const gone = await FakeHub.start();
    gone.stop();
    const nowhere = { endpoint: gone.endpoint, timeoutMs: 2000, pauseMs: 60_000 };
    const progress = listener();
    const given = settings({ ...nowhere, cache: pythonCache(files) });
    expect((await locate(ID, given, { progress })).commit).toBe(COMMIT);
    expect(progress.notes).toHaveLength(1);
    expect(progress.notes[0]).toMatch(
      /^warning: ada\/tiny: 127\.0\.0\.1:\d+ cannot be reached .* taken from the cache, at commit cccccccc/,
    );
    const begin = Date.now();
    const { message } = await refusal(locate('ada/other', given));
    expect(message).toMatch(/127\.0\.0\.1:\d+ cannot be reached \(ECONNREFUSED\).*not in the cache/);
    expect(Date.now() - begin).toBeLessThan(2000);
  });

  it('what a Python download lacks is fetched, the rest stays', async () => {
    const { 'config.json': config, 'tokenizer.json': tokenizer } = files;
    const commit = hub.publish('ada/partly', {
      'config.json': config,
      'tokenizer.json': tokenizer,
      'model.safetensors': WEIGHTS,
    });
    const cache = pythonCache(files, 'ada/partly');
    const folder = folderOf(settings({ cache }), 'ada/partly');
    const { path } = await locate('ada/partly', settings({ cache }));
    expect(path).toBe(join(folder, 'snapshots', commit));
    expect(hub.sent).toEqual(['model.safetensors']);
    expect(readFileSync(join(folder, 'refs/main'), 'utf8')).toBe(commit);
  });
});

describe('a hostile server', () => {
  const listed = (change: Record<string, unknown>, name = 'model.safetensors') => {
    hub.publish(ID, MODEL);
    hub.relist = (entries) => entries.map((entry) => (entry.path === name ? { ...entry, ...change } : entry));
  };

  it('does not choose where files go', async () => {
    const names = [
      '../../escape.safetensors',
      '/etc/x.bin',
      'a\\b.bin',
      '.hidden.safetensors',
      'sub/model.bin',
      '',
    ];
    for (const name of names) {
      const { 'model.safetensors': _, ...rest } = MODEL;
      const index = JSON.stringify({ weight_map: { a: name } });
      hub.publish('ada/evil', { ...rest, 'model.safetensors.index.json': index, [name]: 'x' });
      const given = settings({ cache: join(temporary(), 'cache') });
      const { message } = await refusal(locate('ada/evil', given));
      expect(message).toContain(`names a file that is no shard: ${JSON.stringify(name)}`);
      expect(filesUnder(join(given.cache, '..')).filter((file) => !file.startsWith('cache/'))).toEqual([]);
    }
    hub.publish('ada/traps', { '../x.gguf': 'x', 'a.gguf': 'a' });
    expect((await refusal(locate('ada/traps:b.gguf', settings()))).remedy).toBe('it has a.gguf');
  });

  it('lists no file without a size and checksum that can be used', async () => {
    const oid = 'b'.repeat(64);
    for (const lfs of [
      { oid: '../../../x', size: 5 },
      { oid: '', size: 5 },
      { oid, size: -1 },
      { oid, size: 'big' },
    ]) {
      listed({ lfs });
      const { message } = await refusal(locate(ID, settings()));
      expect(message).toContain('lists model.safetensors without a size and checksum');
    }
  });

  it('answers as a hub does, or is none', async () => {
    listed({ path: 5 });
    const { message, remedy } = await refusal(locate(ID, settings()));
    expect(message).toContain(`${hub.endpoint} does not answer as a hub does`);
    expect(remedy).toBe('check HF_ENDPOINT');
    const page = createServer((_, response) => response.end('<html>Please log in</html>'));
    await new Promise<void>((done) => page.listen(0, '127.0.0.1', done));
    const endpoint = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
    const portal = await refusal(locate(ID, settings({ endpoint })));
    expect(portal.message).toContain('does not answer as a hub does');
    page.close();
    page.closeAllConnections();
  });

  it('does not redirect to what is no web page, or for ever', async () => {
    hub.publish(ID, MODEL);
    const redirect = (location: string) => ({ kind: 'status', status: 302, headers: { location } }) as const;
    hub.fail('config.json', redirect('file:///etc/passwd'));
    expect((await refusal(locate(ID, settings()))).message).toContain(
      'redirects to where it must not: file:///',
    );
    hub.fail('model.safetensors', ...Array.from({ length: 12 }, () => redirect('?again')));
    expect((await refusal(locate(ID, settings()))).message).toContain('redirects to where it must not');
  });

  it('writes no control characters on the terminal', async () => {
    hub.publish(ID, MODEL);
    const headers = {
      'x-error-message': 'no\u001b[31m\u0007 way'.replace(/[^\x20-\x7e\t]/g, '\t'),
      'x-error-code': 'GatedRepo',
    };
    hub.fail('config.json', { kind: 'status', status: 403, headers });
    expect((await refusal(locate(ID, settings()))).message).toBe(
      'ada/tiny: the model is gated (no [31m way)',
    );
  });
});
