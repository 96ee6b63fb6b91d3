import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it, vi } from 'vitest';
import type { ScoredResponse } from '../../src/apc/score.js';
import { pairsTable, readJsonl, readTable, responsesTable, writeJsonl } from '../../src/data/index.js';
import { repliesTable } from '../../src/evaluation/rows.js';
import type { DiscriminatorResult, DpoResult, EuResult, EvaluateResult } from '../../src/index.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { mean } from '../../src/support/statistics.js';
import { describeBackends } from '../helpers/backends.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { writeTinyProject } from '../helpers/tinyModels.js';

const temporary = temporaryFolders();

/** Several processes each, on a machine that may be busy. */
vi.setConfig({ testTimeout: 300_000 });

describeBackends('from a character to a comparison, by the commands', (backend) => {
  let cwd: string;
  const path = (...parts: string[]) => join(cwd, ...parts);
  const text = (...parts: string[]) => readFileSync(path(...parts), 'utf8');
  const metrics = (run: string): Record<string, number>[] =>
    text('runs', run, 'metrics.jsonl')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));

  /** Runs a command twice: the second time it is finished, and prints the same. */
  async function finishes<T>(...args: string[]): Promise<T> {
    const first = await truecast([...args, '--json'], { cwd });
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain(`backend ${backend} (chosen by name)`);
    expect(first.stderr).toMatch(/\d+\/\d+ · \S+\/s/);
    const again = await truecast([...args, '--json'], { cwd });
    expect(again.stderr).toMatch(/runs\/[\w-]+ is finished/);
    expect({ code: again.code, stdout: again.stdout }).toEqual({ code: 0, stdout: first.stdout });
    return JSON.parse(first.stdout) as T;
  }

  beforeAll(() => {
    cwd = temporary();
    writeTinyProject(cwd, backend);
  });

  it('train-discriminator: relevance', async () => {
    const result = await finishes<DiscriminatorResult>('train-discriminator', '--config', 'relevance.yaml');
    expect(result).toMatchObject({ run: 'runs/relevance', model: 'runs/relevance/model', task: 'relevance' });
    const { rows, accuracy, interval, confusion } = result.heldOut;
    expect(confusion.flat().reduce((a, b) => a + b)).toBe(rows);
    expect(accuracy).toBeCloseTo((confusion[0]![0]! + confusion[1]![1]!) / rows, 10);
    expect(interval[0] <= accuracy && accuracy <= interval[1]).toBe(true);

    const steps = metrics('relevance');
    expect(steps.map(({ step }) => step)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const row of steps) {
      for (const name of ['loss', 'accuracy', 'grad_norm', 'learning_rate'])
        expect(row[name]).toBeTypeOf('number');
    }
    const config = JSON.parse(text('runs/relevance/model/config.json'));
    expect(config).toMatchObject({ model_type: 'deberta-v2', id2label: { 0: 'no', 1: 'yes' } });
    const format = JSON.parse(text('runs/relevance/model/discriminator.json'));
    expect(format).toMatchObject({ task: 'relevance', maxLength: 64, trainedOn: { characters: ['bram'] } });
    expect(text('runs/relevance/report.md')).toContain('queries of the train split');
    expect(readdirSync(path('runs/relevance/checkpoints'))).toEqual(['step-000006', 'step-000008']);
  });

  it('train-discriminator: nli, in words', async () => {
    const { code, stdout, stderr } = await truecast(
      ['train-discriminator', '--task', 'nli', '--config', 'nli.yaml'],
      { cwd },
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toMatch(/^nli: accuracy [\d.]+ % .*\ndiscriminator: runs\/nli\/model\n$/);
    expect(JSON.parse(text('runs/nli/model/config.json')).id2label).toEqual({
      0: 'contradicted',
      1: 'neutral',
      2: 'entailed',
    });
  });

  it('train-eu', async () => {
    const result = await truecastJson<EuResult>(['train-eu', '--config', 'eu.yaml'], { cwd });
    expect(result).toEqual({ run: 'runs/eu', adapter: 'runs/eu/adapter', dialogues: 4 });
    expectAdapter('runs/eu/adapter');
    expect(JSON.parse(text('runs/eu/adapter/truecast.json'))).toEqual({
      character: 'bram',
      method: 'eu',
      base: 'decoder',
      quantization: 'nf4-double',
    });
    expect(metrics('eu')).toHaveLength(2);
  });

  it('train-dpo: mines pairs and trains', async () => {
    const result = await finishes<DpoResult>('train-dpo', '--config', 'dpo.yaml');
    const pairs = readTable(path('runs/dpo/pairs.arrow'), pairsTable);
    expect(result).toEqual({ run: 'runs/dpo', adapter: 'runs/dpo/adapter', pairs: pairs.length, steps: 6 });
    for (const { character, chosen, rejected, chosenScore, rejectedScore } of pairs) {
      expect(character).toBe('bram');
      expect(chosen).not.toBe(rejected);
      expect(chosenScore!).toBeGreaterThan(rejectedScore!);
    }
    const samples = readJsonl(path('runs/dpo/samples.jsonl'), responsesTable);
    expect(samples).toHaveLength(4 * 3);
    expectAdapter('runs/dpo/adapter');
    const provenance = JSON.parse(text('runs/dpo/adapter/truecast.json'));
    expect(provenance).toMatchObject({ character: 'bram', method: 'rag' });
    expect(provenance.reward.relevance).toMatch(/^[0-9a-f]{64}$/);

    const steps = metrics('dpo');
    expect(steps).toHaveLength(6);
    // with B at zero the policy is the reference: log 2, and no reward yet
    expect(steps[0]!.loss).toBeCloseTo(Math.log(2), 5);
    expect(steps[0]!['rewards/margins']).toBeCloseTo(0, 5);
    expect(steps.at(-1)!.loss).toBeLessThan(steps[0]!.loss!);
    for (const name of ['rewards/chosen', 'rewards/rejected', 'rewards/accuracies', 'logps/chosen']) {
      expect(steps[0]![name]).toBeTypeOf('number');
    }
    expect(text('runs/dpo/report.md')).toContain('| rewards/margins |');
  });

  it('train-dpo --pairs: trains on given ones', async () => {
    const pair = (queryId: string, query: string, chosen: string, rejected: string) => ({
      character: 'bram',
      queryId,
      query,
      chosen,
      rejected,
      chosenScore: null,
      rejectedScore: null,
    });
    writeJsonl(path('pairs.jsonl'), pairsTable, [
      pair('a', 'Is it deep?', 'Deeper than I care to try.', 'I dive in it daily.'),
      pair('b', 'Whose boat is this?', 'Mine, and it leaks.', 'I own no boat.'),
    ]);
    const result = await truecastJson<DpoResult>(
      ['train-dpo', '--config', 'dpo.yaml', '--pairs', 'pairs.jsonl', '--name', 'given'],
      { cwd },
    );
    expect(result).toEqual({ run: 'runs/given', adapter: 'runs/given/adapter', pairs: 2, steps: 3 });
    expectAdapter('runs/given/adapter');
    expect(existsSync(path('runs/given/samples.jsonl'))).toBe(false);
    expect(JSON.parse(text('runs/given/adapter/truecast.json')).reward).toBeUndefined();
  });

  it('evaluate: every method, with and without DPO', async () => {
    const result = await finishes<EvaluateResult>('evaluate', '--config', 'evaluate.yaml');
    expect(result).toMatchObject({ run: 'runs/evaluate', character: 'Bram Oake', queries: 4 });
    expect(result.methods.map(({ method, after }) => [method, after !== undefined])).toEqual([
      ['vanilla', true],
      ['eu', false],
      ['lcm', false],
      ['rag', true],
    ]);
    for (const { method, before, after, effect } of result.methods) {
      const played = after
        ? [[method, before] as const, [`${method}-dpo`, after] as const]
        : [[method, before] as const];
      for (const [name, shown] of played) {
        const rows = readTable(path('runs/evaluate/replies', `${name}.arrow`), repliesTable);
        expect(rows).toHaveLength(4 * 2);
        expect(rows.every((row) => row.dpo === name.endsWith('-dpo') && row.relevance.length === 4)).toBe(
          true,
        );
        expect(shown.delta).toBeCloseTo(mean(rows.map(({ delta }) => delta)), 10);
        expect(shown.delta).toBeCloseTo(shown.active - shown.passive, 5);
      }
      if (after) expect(effect!.delta).toBeCloseTo(after.delta - before.delta, 10);
    }
    expect(result.judges!.nli.rows).toBeGreaterThan(0);
    expect(result.warnings.join('\n')).toMatch(/gave rag's reward: its verdict is circular/);
    const report = text('runs/evaluate/report.md');
    for (const name of ['vanilla', 'vanilla + DPO', 'eu', 'lcm', 'rag', 'rag + DPO'])
      expect(report).toContain(`| ${name} |`);
    expect(report).toContain('**Warning:**');
  });

  const judges = ['--relevance', 'runs/relevance/model', '--nli', 'runs/nli/model'];

  it('score: the ledger adds up, from arguments and from a file', async () => {
    const score = ['score', '--character', 'bram.yaml', ...judges, '--backend', backend];
    const query = 'Can you swim?';
    const responses = ['Like a stone.', 'I swim a mile before breakfast.'];
    const scored = await truecastJson<ScoredResponse[]>(
      [...score, '--query', query, '--response', ...responses],
      { cwd },
    );
    expect(scored.map(({ response }) => response)).toEqual(responses);
    for (const { ledger, apc, delta, active, passive } of scored) {
      expect(ledger).toHaveLength(4);
      let [sum, irrelevant] = [0, 0];
      for (const { relevance, contradicted, neutral, entailed, contribution } of ledger) {
        expect(contradicted + neutral + entailed).toBeCloseTo(1, 5);
        sum += contribution;
        irrelevant += 1 - relevance;
      }
      expect(delta).toBeCloseTo(sum, 5);
      expect(delta).toBeCloseTo(active - passive, 5);
      expect(apc).toBeCloseTo(delta + irrelevant, 5);
    }
    writeFileSync(
      path('responses.jsonl'),
      responses.map((response) => `${JSON.stringify({ query, response })}\n`).join(''),
    );
    expect(await truecastJson([...score, '--responses', 'responses.jsonl'], { cwd })).toEqual(scored);

    const { stdout } = await truecast([...score, '--query', query, '--response', responses[0]!], { cwd });
    expect(stdout).toContain(`query: ${query}\nresponse: ${responses[0]}\n`);
    expect(stdout).toContain('Bram Oake cannot swim.');
    expect(stdout).toMatch(
      /APC [\d.]+, ΔAPC [+−][\d.]+ = active [\d.]+ − passive [\d.]+; \d of 4 statements violated/,
    );
  });

  it('chat: a reply for each line, the same as JSON and as text', async () => {
    const chat = ['chat', '--character', 'bram.yaml', '--model', 'decoder', '--adapter', 'runs/dpo/adapter'];
    const rag = ['--method', 'rag', '--top-k', '2', ...judges, '--max-new-tokens', '5', '--backend', backend];
    const input = 'Good morning, Bram!\n\nIs the river high?\n';
    const asJson = await truecast([...chat, ...rag, '--show-ledger', '--json'], { cwd, input });
    expect(asJson.code, asJson.stderr).toBe(0);
    const replies = asJson.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(replies.map(({ query }) => query)).toEqual(['Good morning, Bram!', 'Is the river high?']);
    for (const { reply, query, ledger } of replies) {
      expect(ledger.ledger).toHaveLength(4);
      expect(ledger).toMatchObject({ query, response: reply });
    }
    const asText = await truecast([...chat, ...rag], { cwd, input });
    expect(asText.stderr).toContain('Bram Oake: ');
    expect(asText.stdout.split('\n').map((line) => line.trim())).toEqual(
      `${replies.map(({ reply }) => reply).join('\n')}\n`.split('\n'),
    );
  });

  it('leaves nothing half-written', () => {
    const names = readdirSync(cwd, { recursive: true }) as string[];
    expect(names.filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  /** An adapter in PEFT's layout, for every layer of the tiny decoder, that training has moved. */
  function expectAdapter(folder: string): void {
    const config = JSON.parse(text(folder, 'adapter_config.json'));
    expect(config).toMatchObject({
      peft_type: 'LORA',
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'decoder',
      r: 2,
      lora_alpha: 4,
      target_modules: ['down_proj', 'gate_proj', 'k_proj', 'o_proj', 'q_proj', 'up_proj', 'v_proj'],
    });
    const file = SafetensorsFile.open(path(folder, 'adapter_model.safetensors'));
    try {
      expect(file.tensors.size).toBe(2 * 7 * 2);
      const layer = 'base_model.model.model.layers.0.self_attn.k_proj';
      expect(file.info(`${layer}.lora_A.weight`).shape).toEqual([2, 32]);
      expect(file.info(`${layer}.lora_B.weight`).shape).toEqual([16, 2]);
      expect(file.floats(`${layer}.lora_B.weight`).some((value) => value !== 0)).toBe(true);
    } finally {
      file.close();
    }
  }
});

describe('commands without tensors', () => {
  const cwd = process.cwd();

  it('dataset validate and stats, on the shipped characters', async () => {
    const valid = await truecastJson<{ id: string }[]>(['dataset', 'validate'], { cwd });
    const { code, stdout } = await truecast(['dataset', 'stats'], { cwd });
    expect(code).toBe(0);
    expect(valid.map(({ id }) => id)).toContain('odile');
    for (const { id } of valid) expect(stdout).toContain(id);
  });

  it('doctor reports every backend', async () => {
    const report = await truecastJson<{ truecast: string; backends: { name: string; usable: boolean }[] }>(
      ['doctor'],
      { cwd },
    );
    expect(report.truecast).toMatch(/^\d+\.\d+\.\d+/);
    expect(report.backends.map(({ name }) => name)).toEqual(['tensorflow', 'wasm', 'cpu']);
    expect(report.backends.find(({ name }) => name === 'wasm')!.usable).toBe(true);
  });

  it('--help goes to standard output and says where to get what a command needs', async () => {
    const { stdout: all } = await truecast(['--help'], { cwd });
    const commands = [...all.matchAll(/^ {2}truecast ([\w-]+)/gm)].map(([, name]) => name!);
    expect(commands).toHaveLength(15);
    for (const name of ['chat', 'train-dpo']) {
      const { code, stdout, stderr } = await truecast([name, '--help'], { cwd });
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(stdout).toMatch(/train-discriminator|train-dpo/);
      expect(stdout).toContain('Examples:');
    }
  });
});
