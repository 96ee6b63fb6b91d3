import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import { stringify } from 'yaml';
import type { EuResult, ExportResult } from '../../src/index.js';
import { GgufFile } from '../../src/models/formats/gguf/file.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { describeBackends } from '../helpers/backends.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { tinyConfigs, writeTinyProject } from '../helpers/tinyModels.js';

const temporary = temporaryFolders();
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

describeBackends('truecast export', (backend) => {
  let cwd: string;
  const path = (...parts: string[]) => join(cwd, ...parts);
  const json = (...parts: string[]) => JSON.parse(readFileSync(path(...parts), 'utf8'));
  const exports = (format: string, run: string, out: string, ...more: string[]) => [
    ...['export', '--format', format, '--adapter', `runs/${run}/adapter`, '--out', out],
    ...['--backend', backend, ...more],
  ];

  beforeAll(async () => {
    cwd = temporary();
    writeTinyProject(cwd, backend);
    const { eu } = tinyConfigs(backend);
    for (const [name, lora] of [
      ['plain', { rankPattern: { up_proj: 3 }, alphaPattern: { '.*\\.0\\..*q_proj': 1 } }],
      ['dora', { dora: true, rslora: true }],
    ] as const) {
      const config = { ...eu, run: { ...eu.run, name }, lora: { ...eu.lora, ...lora } };
      writeFileSync(path(`${name}.yaml`), stringify(config));
      const result = await truecastJson<EuResult>(['train-eu', '--config', `${name}.yaml`], { cwd });
      expect(result.adapter).toBe(`runs/${name}/adapter`);
    }
  });

  it('trains ranks and alphas by pattern, and DoRA', () => {
    expect(json('runs/plain/adapter/adapter_config.json')).toMatchObject({
      rank_pattern: { up_proj: 3 },
      alpha_pattern: { '.*\\.0\\..*q_proj': 1 },
      use_dora: false,
    });
    expect(json('runs/dora/adapter/adapter_config.json')).toMatchObject({ use_dora: true, use_rslora: true });
    const file = SafetensorsFile.open(path('runs/dora/adapter/adapter_model.safetensors'));
    const magnitudes = [...file.tensors.keys()].filter((name) => name.endsWith('lora_magnitude_vector'));
    expect(magnitudes).toHaveLength(2 * 7);
    file.close();
  });

  it('peft, gguf and merged, as text and as JSON', async () => {
    const peft = await truecast(exports('peft', 'dora', 'peft', '--base', 'google/gemma-2b'), { cwd });
    expect(peft).toMatchObject({ code: 0, stdout: 'peft: peft (14 adapted layers, f32)\n' });
    expect(json('peft/adapter_config.json').base_model_name_or_path).toBe('google/gemma-2b');

    const gguf = await truecastJson<ExportResult>(exports('gguf', 'plain', 'lora.gguf', '--dtype', 'f16'), {
      cwd,
    });
    expect(gguf).toEqual({
      ...{
        format: 'gguf',
        out: 'lora.gguf',
        base: 'decoder',
        layers: 14,
        dtype: 'f16',
        files: ['lora.gguf'],
      },
    });
    const file = GgufFile.open(path('lora.gguf'));
    expect(file.metadata.get('general.architecture')).toBe('gemma');
    expect(file.tensors.size).toBe(28);
    file.close();

    const merged = await truecast(exports('merged', 'dora', 'merged', '--max-shard', '100KB', '--json'), {
      cwd,
    });
    expect(merged.stderr).toContain('through nf4-double, as in training');
    const result = JSON.parse(merged.stdout) as ExportResult;
    expect(result).toMatchObject({ base: 'decoder', dtype: 'f32', over: 'nf4-double', layers: 14 });
    expect(readdirSync(path('merged')).sort()).toEqual(
      [
        ...result.files,
        'config.json',
        'model.safetensors.index.json',
        'tokenizer.json',
        'tokenizer_config.json',
      ].sort(),
    );
    expect(result.files.length).toBeGreaterThan(1);
    // the merged model answers, without its adapter
    const chat = ['chat', '--character', 'bram.yaml', '--max-new-tokens', '4', '--backend', backend];
    const answer = await truecast([...chat, '--model', 'merged'], { cwd, input: 'Is the river high?\n' });
    expect(answer.code, answer.stderr).toBe(0);
    const exported = (readdirSync(cwd, { recursive: true }) as string[]).filter((name) =>
      name.endsWith('.tmp'),
    );
    expect(exported).toEqual([]);
  });

  it.each<[string, string[], 1 | 2, string]>([
    ['a place that is taken', ['peft', 'plain', 'decoder'], 1, 'decoder exists already'],
    ['DoRA as gguf', ['gguf', 'dora', 'x.gguf'], 1, '--format merged'],
    ['another base', ['merged', 'plain', 'x', '--base', 'encoder'], 1, 'no decoder that truecast knows'],
    ['a base that is not there', ['gguf', 'plain', 'x', '--base', 'nowhere'], 1, 'nowhere'],
    ['an adapter that is not there', ['peft', 'nowhere', 'x'], 1, 'not found: runs/nowhere/adapter'],
    ['a type that gguf has not', ['gguf', 'plain', 'x', '--dtype', 'bf16'], 1, '--dtype f32 or f16'],
    [
      '--over without merging',
      ['gguf', 'plain', 'x', '--over', 'nf4'],
      2,
      '--over does not go with --format gguf',
    ],
    [
      '--dtype for peft',
      ['peft', 'plain', 'x', '--dtype', 'f16'],
      2,
      '--dtype does not go with --format peft',
    ],
    ['a size that is none', ['merged', 'plain', 'x', '--max-shard', 'much'], 2, '--max-shard takes a size'],
    ['a format that is none', ['onnx', 'plain', 'x'], 2, 'onnx'],
  ])('refuses %s', async (_, [format, run, out, ...more], code, says) => {
    const result = await truecast(exports(format!, run!, out!, ...more), { cwd });
    expect({ code: result.code, stdout: result.stdout }, result.stderr).toEqual({ code, stdout: '' });
    expect(result.stderr).toMatch(/^error: /m);
    expect(result.stderr).toMatch(/\n {2}→ \S.*\n$/);
    expect(result.stderr).toContain(says);
    if (out !== 'decoder') expect(existsSync(path(out!))).toBe(false);
  });

  it('says what it is for', async () => {
    const { code, stdout } = await truecast(['export', '--help'], { cwd });
    expect(code).toBe(0);
    for (const part of ['Examples:', '--format gguf', '--over', 'rounding errors'])
      expect(stdout).toContain(part);
  });
});

describe('an adapter configuration that was tampered with', () => {
  it('is refused with its file and key, whatever it holds', async () => {
    const folder = temporary();
    mkdirSync(join(folder, 'adapter'));
    writeFileSync(join(folder, 'adapter', 'adapter_config.json'), '{"peft_type": "LORA", "r": "8"}');
    const args = ['export', '--format', 'peft', '--adapter', 'adapter', '--out', 'x', '--json'];
    const { code, stderr } = await truecast(args, { cwd: folder });
    expect(code).toBe(1);
    for (const part of [
      join('adapter', 'adapter_config.json'),
      '  r: ',
      '  lora_alpha: ',
      '  target_modules: ',
    ])
      expect(stderr).toContain(part);
  });
});
