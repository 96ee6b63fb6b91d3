import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import { describeBackends } from '../helpers/backends.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { tinyConfigs, writeTinyDecoder, writeTinyEncoder, writeTinyProject } from '../helpers/tinyModels.js';

const temporary = temporaryFolders();
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

/** Every file under a folder, with the hash of its bytes. */
function snapshot(folder: string): Map<string, string> {
  const names = (readdirSync(folder, { recursive: true }) as string[]).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return new Map(
    names.map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex'),
    ]),
  );
}

interface Refusal {
  /** 1 for a failed run, 2 for a wrong call. */
  code: 1 | 2;
  /** What the message must say: the file or key, and what to do. */
  says: (string | RegExp)[];
  env?: Record<string, string>;
  input?: string;
}

/**
 * A command that must fail with one clear message: on standard error, with a remedy and without a stack
 * trace; nothing that was there has changed, and nothing is half-written.
 */
async function refuses(cwd: string, args: string[], { code, says, ...options }: Refusal): Promise<void> {
  const before = snapshot(cwd);
  const result = await truecast(args, { cwd, ...options });
  const { stderr } = result;
  expect({ code: result.code, stdout: result.stdout }, stderr).toEqual({ code, stdout: '' });
  expect(stderr.match(/^error: /gm), stderr).toHaveLength(1);
  expect(stderr, 'a remedy').toMatch(/\n {2}→ \S.*\n$/);
  expect(stderr, 'a stack trace').not.toMatch(/^\s+at /m);
  for (const part of says) expect(stderr).toMatch(part);
  const after = snapshot(cwd);
  for (const [name, hash] of before) expect(after.get(name), name).toBe(hash);
  expect([...after.keys()].filter((name) => name.includes('.tmp'))).toEqual([]);
}

describe('wrong calls', () => {
  const cwd = temporary();

  it.each<[string, string[], (string | RegExp)[]]>([
    ['no command', [], ['name a command']],
    ['a mistyped command', ['evalute'], ['evalute', 'Did you mean evaluate?', 'truecast --help']],
    ['a missing option', ['train-dpo'], ['config', 'truecast COMMAND --help']],
    ['an unknown option', ['train-dpo', '--config', 'a.yaml', '--pear', 'b'], ['pear']],
    ['an unknown argument', ['doctor', 'please'], ['please']],
    ['an option without its value', ['train-dpo', '--config'], ['config']],
    ['an option given twice', ['evaluate', '--config', 'a', '--config', 'b'], ['--config is given twice']],
    [
      'a seed that is no number',
      ['train-eu', '--config', 'a', '--seed', 'x'],
      ['--seed takes a whole number'],
    ],
    ['a value that is no choice', ['evaluate', '--config', 'a', '--backend', 'gpu'], ['gpu', 'tensorflow']],
    [
      'nothing to score',
      ['score', '--character', 'odile', '--relevance', 'a', '--nli', 'b'],
      ['nothing to score', '--responses FILE'],
    ],
    [
      'a temperature below zero',
      ['chat', '--character', 'odile', '--model', 'a', '--temperature', '-1'],
      ['--temperature takes a number from 0'],
    ],
    [
      'a ledger without discriminators',
      ['chat', '--character', 'odile', '--model', 'a', '--show-ledger'],
      ['--nli DIR', 'train-discriminator'],
    ],
    [
      'rag without its discriminator',
      ['chat', '--character', 'odile', '--model', 'a', '--method', 'rag'],
      ['--relevance DIR'],
    ],
  ])('%s', (_, args, says) => refuses(cwd, args, { code: 2, says }));

  it('--debug adds the stack trace', async () => {
    const { code, stderr } = await truecast(['train-eu', '--config', 'nowhere.yaml', '--debug'], { cwd });
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: configuration not found: nowhere\.yaml\n/);
    expect(stderr).toMatch(/^\s+at .*load/m);
  });
});

describe('configurations', () => {
  const cwd = temporary();
  const write = (text: string) => writeFileSync(join(cwd, 'config.yaml'), text);
  const dpo = ['train-dpo', '--config', 'config.yaml'];

  it('a missing file', () =>
    refuses(cwd, ['evaluate', '--config', 'nowhere.yaml'], {
      code: 1,
      says: ['nowhere.yaml', 'check the path'],
    }));

  it('a folder', () =>
    refuses(cwd, ['evaluate', '--config', '.'], { code: 1, says: [/cannot be read: \./] }));

  it('malformed YAML, with its line', () => {
    write('run:\n  name: a\ncharacter: [odile\nlora: {rank: 4}\n');
    return refuses(cwd, dpo, { code: 1, says: ['not valid YAML: config.yaml', /config\.yaml:[34]: /] });
  });

  it('no map, also where an option would change it', () => {
    write('just a text\n');
    return refuses(cwd, [...dpo, '--name', 'x'], { code: 1, says: ['config.yaml:1', 'expected object'] });
  });

  it('wrong, missing and misspelt keys, all at once, each with its line', () => {
    write(
      [
        'run:',
        '  name: my run',
        '  sed: 3',
        'character: odile',
        'model: {base: decoder, quantization: int8}',
        'lora: {rank: 4.5, alpha: -1}',
        'dpo:',
        '  beta: big',
        'training:',
        '  epochs: 1',
        '  batchSize: 2',
        'colour: blue',
      ].join('\n'),
    );
    return refuses(cwd, dpo, {
      code: 1,
      says: [
        'config.yaml:2: run.name: use letters',
        'config.yaml:3: unknown key run.sed',
        /config\.yaml:5: model\.quantization: .*nf4/,
        /config\.yaml:6: lora\.rank: .*int/,
        'config.yaml:6: lora.alpha',
        'config.yaml:8: dpo.beta: is string, expected number',
        'config.yaml:9: training.learningRate: is missing (number)',
        'config.yaml:12: unknown key colour',
        '8 problems',
        'configs/',
      ],
    });
  });

  it('discriminators that mining needs, and what a method needs', async () => {
    const { discriminators: _, ...withoutReward } = tinyConfigs('wasm').dpo;
    write(stringify(withoutReward));
    await refuses(cwd, dpo, {
      code: 1,
      says: [/config\.yaml:\d+: discriminators: is missing/, 'train-discriminator'],
    });

    const { retriever: __, ...evaluate } = tinyConfigs('wasm').evaluate;
    write(
      stringify({
        ...evaluate,
        methods: [{ method: 'rag' }, { method: 'eu' }, { method: 'eu', adapter: 'a' }],
      }),
    );
    await refuses(cwd, ['evaluate', '--config', 'config.yaml'], {
      code: 1,
      says: [
        'methods[1].adapter: is missing',
        'methods[2].method: eu is listed twice',
        'retriever: is missing',
      ],
    });
  });

  it('a task that is not the configuration’s', () => {
    write(stringify(tinyConfigs('wasm').nli));
    return refuses(cwd, ['train-discriminator', '--task', 'relevance', '--config', 'config.yaml'], {
      code: 2,
      says: ['--task relevance, but config.yaml is for nli'],
    });
  });
});

describe('files', () => {
  /** A project with trained discriminators and an adapter; each test works on a copy. */
  let trained: string;
  let cwd: string;
  const configs = tinyConfigs('wasm');
  const judges = { relevance: 'runs/relevance/model', nli: 'runs/nli/model' };

  beforeAll(async () => {
    trained = temporary();
    writeTinyProject(trained, 'wasm');
    for (const task of ['relevance', 'nli']) {
      await truecastJson(['train-discriminator', '--config', `${task}.yaml`], { cwd: trained });
    }
    await truecastJson(['train-eu', '--config', 'eu.yaml'], { cwd: trained });
  });

  beforeEach(() => {
    cwd = temporary();
    cpSync(trained, cwd, { recursive: true });
  });

  const path = (...parts: string[]) => join(cwd, ...parts);

  /** Writes a configuration and returns the arguments of its command. */
  function call(command: string, config: unknown): string[] {
    writeFileSync(path('config.yaml'), stringify(config));
    return [command, '--config', 'config.yaml'];
  }

  /** As `call`, of a new run. */
  const newRun = (command: string, config: { run: object }, changes: object, name = 'new') =>
    call(command, { ...config, run: { ...config.run, name }, ...changes });

  describe('characters', () => {
    it('an unknown one', () =>
      refuses(cwd, newRun('train-eu', configs.eu, { character: 'odil' }), {
        code: 1,
        says: ['character not found: odil', 'odile', '.yaml'],
      }));

    it('an annotated one with slips, each with its line', () => {
      const text = readFileSync(path('bram.yaml'), 'utf8');
      writeFileSync(
        path('bram.yaml'),
        text.replace('language: en', 'language: English').replace('- s2', '- s9'),
      );
      return refuses(cwd, newRun('train-eu', configs.eu, {}), {
        code: 1,
        says: [/bram\.yaml:4: language/, /bram\.yaml:\d+: .*s9, which is no statement/],
      });
    });

    it('a persona with an empty list of queries, or none', async () => {
      const persona = { name: 'Ada', language: 'en', statements: ['Ada keeps bees.'] };
      writeFileSync(path('ada.yaml'), stringify({ ...persona, queries: [] }));
      const evaluate = newRun('evaluate', configs.evaluate, {
        character: 'ada.yaml',
        methods: [{ method: 'lcm' }],
      });
      await refuses(cwd, evaluate, {
        code: 1,
        says: ['ada.yaml:5: queries: is empty', 'list at least one query'],
      });

      writeFileSync(path('ada.yaml'), stringify(persona));
      await refuses(cwd, evaluate, { code: 1, says: ['ada.yaml has no held-out queries', 'add queries'] });
      const dpo = newRun('train-dpo', configs.dpo, { character: 'ada.yaml' });
      await refuses(cwd, dpo, { code: 1, says: ['ada.yaml has no queries', '--pairs FILE'] });
      const discriminator = newRun('train-discriminator', configs.nli, { characters: ['ada.yaml'] });
      await refuses(cwd, discriminator, { code: 1, says: ['ada has no nli rows', 'datasets/'] });
    });
  });

  describe('models', () => {
    const trainEncoder = () => newRun('train-discriminator', configs.relevance, {});
    const trainDecoder = () => newRun('train-eu', configs.eu, {});

    it('a folder that is not there; mended, the same run begins', async () => {
      const config = { ...configs.eu, run: { ...configs.eu.run, name: 'new' } };
      const missing = call('train-eu', { ...config, model: { base: 'nowhere' } });
      await refuses(cwd, missing, { code: 1, says: ['model not found: nowhere', 'check the path'] });
      const { run } = await truecastJson<{ run: string }>(call('train-eu', config), { cwd });
      expect(run).toBe('runs/new');
    });

    it('truncated weights', () => {
      const file = path('decoder/model.safetensors');
      writeFileSync(file, readFileSync(file).subarray(0, -1000));
      return refuses(cwd, trainDecoder(), {
        code: 1,
        says: [/decoder\/model\.safetensors: tensor .* ends at byte \d+, the file at \d+/, 'copy it again'],
      });
    });

    it('weights that are something else', () => {
      writeFileSync(path('encoder/model.safetensors'), '<html>404: not found</html>');
      return refuses(cwd, trainEncoder(), {
        code: 1,
        says: ['not a safetensors file: encoder/model.safetensors', 'header'],
      });
    });

    it('a configuration of another size or architecture', async () => {
      const config = JSON.parse(readFileSync(path('encoder/config.json'), 'utf8'));
      writeFileSync(
        path('encoder/config.json'),
        JSON.stringify({ ...config, hidden_size: 32, pooler_hidden_size: 32 }),
      );
      await refuses(cwd, trainEncoder(), {
        code: 1,
        says: [
          'encoder/model.safetensors does not fit its config.json',
          /word_embeddings\.weight is \[\d+,16\]/,
        ],
      });
      writeFileSync(path('encoder/config.json'), JSON.stringify({ ...config, model_type: 'llama' }));
      await refuses(cwd, trainEncoder(), { code: 1, says: ['encoder/config.json', '"llama"', 'deberta-v2'] });
      await refuses(cwd, newRun('train-eu', configs.eu, { model: { base: 'encoder' } }, 'newer'), {
        code: 1,
        says: ['encoder/config.json', 'no decoder', 'Gemma'],
      });
    });

    it('a tokenizer that is not JSON, or of a larger vocabulary', async () => {
      const file = path('decoder/tokenizer.json');
      const text = readFileSync(file, 'utf8');
      writeFileSync(file, text.slice(0, 1000));
      await refuses(cwd, trainDecoder(), {
        code: 1,
        says: ['tokenizer is not JSON: decoder/tokenizer.json'],
      });
      rmSync(path('decoder'), { recursive: true });
      writeTinyDecoder(path('decoder'), { vocab_size: 100 });
      await refuses(cwd, trainDecoder(), {
        code: 1,
        says: [/decoder\/tokenizer\.json has \d+ tokens, the model beside it 100/],
      });
    });

    it('an adapter of another base, or none', async () => {
      writeTinyDecoder(path('larger'), { hidden_size: 48, num_hidden_layers: 3 });
      const evaluate = (adapter: string) =>
        newRun(
          'evaluate',
          configs.evaluate,
          { model: { base: 'larger' }, methods: [{ method: 'eu', adapter }] },
          adapter.replaceAll('/', '-'),
        );
      await refuses(cwd, evaluate('runs/eu/adapter'), {
        code: 1,
        says: [
          'runs/eu/adapter/adapter_model.safetensors does not fit the base model',
          'layers.0.self_attn.q_proj.lora_A.weight is [2,32], the base model wants [2,48]',
          'name the base model that it was trained on',
        ],
      });
      await refuses(cwd, evaluate('runs/eu'), { code: 1, says: ['runs/eu/adapter_config.json'] });
    });

    it('discriminators in each other’s place, or folders that are none', async () => {
      const score = (relevance: string, nli: string) => {
        const given = ['--query', 'Hello?', '--response', 'Hello.', '--backend', 'wasm'];
        return ['score', '--character', 'bram.yaml', '--relevance', relevance, '--nli', nli, ...given];
      };
      await refuses(cwd, score(judges.nli, judges.relevance), {
        code: 1,
        says: ['runs/nli/model is a nli discriminator, needed is relevance'],
      });
      await refuses(cwd, score('encoder', judges.nli), {
        code: 1,
        says: ['encoder has no discriminator.json', 'train-discriminator'],
      });
    });
  });

  describe('rows', () => {
    const pair = { character: 'bram', queryId: 'a', query: 'Well?', chosen: 'Yes.', rejected: 'No.' };
    const trainOn = (...pairs: object[]) => {
      writeFileSync(path('pairs.jsonl'), pairs.map((row) => `${JSON.stringify(row)}\n`).join(''));
      return [...newRun('train-dpo', configs.dpo, {}), '--pairs', 'pairs.jsonl'];
    };

    it('pairs with an empty response, of another character, or not two', async () => {
      const args = trainOn(
        pair,
        { ...pair, chosen: ' ' },
        { ...pair, rejected: '' },
        { ...pair, character: 'odile' },
        { ...pair, rejected: pair.chosen },
      );
      await refuses(cwd, args, {
        code: 1,
        says: [
          '4 problems',
          'pairs.jsonl: pair 2 (a): chosen is empty',
          'pair 3 (a): rejected is empty',
          'pair 4 (a): is of odile, not of bram',
          'pair 5 (a): chosen and rejected are the same',
        ],
      });
      await refuses(cwd, trainOn(), { code: 1, says: ['no pairs in pairs.jsonl'] });
      await refuses(cwd, trainOn({ query: 'Well?', choosen: 'Yes.' }), {
        code: 1,
        says: ['pairs.jsonl:1: unknown key "choosen"', 'pairs.jsonl:1: missing key "chosen"'],
      });
    });

    it('pairs that have changed since the run began', async () => {
      await truecastJson(trainOn(pair), { cwd });
      rmSync(path('runs/new/result.json'));
      await refuses(cwd, trainOn({ ...pair, chosen: 'Certainly.' }), {
        code: 1,
        says: ['pairs.jsonl has changed since runs/new was begun'],
      });
      await refuses(cwd, trainOn(pair).slice(0, -2), {
        code: 1,
        says: ['runs/new holds a run of another configuration', 'pairs: "pairs.jsonl" there, absent now'],
      });
    });

    it('a response of length 0', async () => {
      const score = ['score', '--character', 'bram.yaml', '--backend', 'wasm', ...folders()];
      await refuses(cwd, [...score, '--query', 'Hello?', '--response', 'Hello.', ''], {
        code: 1,
        says: ['number 2: the response is empty'],
      });
      const rows = [
        { query: 'Hello?', response: '' },
        { query: '', response: 'Hello.', character: 'odile' },
      ];
      writeFileSync(path('given.jsonl'), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      await refuses(cwd, [...score, '--responses', 'given.jsonl'], {
        code: 1,
        says: [
          'given.jsonl: number 1: the response is empty',
          'given.jsonl: number 2: the query is empty',
          'given.jsonl: number 2: is of odile, not of bram',
        ],
      });
      await refuses(cwd, [...score, '--responses', 'bram.yaml'], { code: 1, says: ['.arrow or .jsonl'] });
    });

    const folders = () => ['--relevance', judges.relevance, '--nli', judges.nli];
  });

  it('a persona longer than the context: with counts, before anything is played', async () => {
    writeTinyDecoder(path('short'), { max_position_embeddings: 48 });
    const methods = [{ method: 'vanilla' }, { method: 'lcm' }];
    await refuses(cwd, newRun('evaluate', configs.evaluate, { model: { base: 'short' }, methods }), {
      code: 1,
      says: [
        /lcm: 4 of 4 prompts of Bram Oake are too long: up to \d+ tokens, and 6 new ones, in a context of 48/,
        'use the method rag',
      ],
    });
    const chat = [
      'chat',
      '--character',
      'bram.yaml',
      '--model',
      'short',
      '--backend',
      'wasm',
      '--method',
      'lcm',
    ];
    const { code, stderr } = await truecast([...chat, '--max-new-tokens', '4'], { cwd, input: 'Hello?\n' });
    expect(code).toBe(1);
    expect(stderr).toContain('lcm: 1 of 1 prompts of Bram Oake are too long');
  });

  describe('run folders', () => {
    it('of another configuration or backend', async () => {
      const changed = { ...configs.eu, lora: { ...configs.eu.lora, rank: 3 } };
      await refuses(cwd, call('train-eu', changed), {
        code: 1,
        says: ['runs/eu holds a run of another configuration', 'lora.rank: 2 there, 3 now', 'another name'],
      });
      const auto = { ...configs.eu, run: { ...configs.eu.run, name: 'new', backend: 'auto' } };
      cpSync(path('runs/eu'), path('runs/new'), { recursive: true });
      writeFileSync(
        path('runs/new/config.yaml'),
        readFileSync(path('runs/eu/config.yaml'), 'utf8')
          .replace('name: eu', 'name: new')
          .replace('backend: wasm', 'backend: auto'),
      );
      writeFileSync(path('runs/new/environment.json'), JSON.stringify({ backend: 'cpu' }));
      await refuses(cwd, call('train-eu', auto), {
        code: 1,
        says: [/runs\/new was begun on the backend cpu, this is (tensorflow|wasm)/, 'use --backend cpu'],
      });
    });

    it('that are none, or cannot be written', async () => {
      mkdirSync(path('runs/new'));
      writeFileSync(path('runs/new/notes.txt'), 'mine');
      await refuses(cwd, newRun('train-eu', configs.eu, {}), {
        code: 1,
        says: ['runs/new exists and is no run'],
      });
      const run = { ...configs.eu.run, directory: 'bram.yaml/runs' };
      await refuses(cwd, call('train-eu', { ...configs.eu, run }), {
        code: 1,
        says: ['bram.yaml/runs', 'a file stands where a folder is wanted'],
      });
    });
  });

  it('a backend that is named and cannot be used is no other one', () =>
    refuses(cwd, [...newRun('train-eu', configs.eu, {}), '--backend', 'tensorflow'], {
      code: 1,
      env: { TRUECAST_CACHE: temporary() },
      says: ['backend tensorflow cannot be used', 'truecast setup tensorflow'],
    }));
});

describeBackends('a training that diverges', (backend) => {
  it('stops at the batch, and leaves its checkpoints as they are', async () => {
    const cwd = temporary();
    writeTinyProject(cwd, backend);
    writeTinyEncoder(join(cwd, 'encoder'));
    const config = tinyConfigs(backend).relevance;
    const training = { ...config.training, learningRate: 1e30, warmupRatio: 0, saveEvery: 1 };
    writeFileSync(join(cwd, 'config.yaml'), stringify({ ...config, training }));
    await refuses(cwd, ['train-discriminator', '--config', 'config.yaml'], {
      code: 1,
      says: [
        /the (loss|gradient) is not a number at step \d, in the batch of bram\/q\d\/s\d/,
        'lower the learning rate',
        /the last good checkpoint is runs\/relevance\/checkpoints\/step-00000\d/,
      ],
    });
    const names = readdirSync(join(cwd, 'runs/relevance'));
    expect(names).toContain('checkpoints');
    expect(names).not.toContain('model');
    expect(names).not.toContain('result.json');
  });
});
