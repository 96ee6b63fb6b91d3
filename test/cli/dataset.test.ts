import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import { loadCharacter } from '../../src/data/index.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
vi.setConfig({ testTimeout: 120_000 });

describe('dataset', () => {
  const cwd = temporary();

  it('goes from a shipped character to files, and back to a data set that is valid', async () => {
    const files = await truecastJson<{ path: string; rows: number }[]>(
      ['dataset', 'export', 'tam', '--format', 'parquet', '--out', 'tam'],
      { cwd },
    );
    expect(files.map(({ path }) => path)).toContain(
      join('tam', 'nli', 'data', 'test-00000-of-00001.parquet'),
    );
    const { code, stdout, stderr } = await truecast(
      ['dataset', 'import', 'tam', '--out', 'mine', '--id', 'tam-again'],
      { cwd },
    );
    expect(code, stderr).toBe(0);
    expect(stdout).toContain('mine/tam-again');
    expect(stderr).toContain(
      'columns: character=character, statement=statement, query=query, label=relevant',
    );
    expect(stderr).toContain('labels: no=no, yes=yes');
    expect(stderr).toContain('tam-again: no dialogues: no file had such rows');
    expect(loadCharacter(join(cwd, 'mine', 'tam-again')).nli).toHaveLength(loadCharacter('tam').nli!.length);

    expect((await truecast(['dataset', 'validate', 'mine/tam-again'], { cwd })).stdout).toBe(
      '1 data set is valid\n',
    );
    expect((await truecast(['dataset', 'stats', 'mine/tam-again', 'odile'], { cwd })).stdout).toMatch(
      /\| tam-again [\s\S]*\| odile [\s\S]*log-odds/,
    );
    const split = await truecastJson<{ heldOut: number }>(
      ['dataset', 'split', 'mine/tam-again', '--held-out', '0.5', '--out', 'half'],
      { cwd },
    );
    expect(split.heldOut).toBeGreaterThan(30);
    const merged = await truecast(['dataset', 'merge', 'half', 'mine/tam-again', '--out', 'whole'], { cwd });
    expect(merged.code, merged.stderr).toBe(0);
    expect(merged.stderr).toContain('rows were in several data sets');
  });

  it('names columns and labels, and lists what it skipped', async () => {
    writeFileSync(join(cwd, 'own.csv'), 'f,q,r\nAnn sews.,Sew?,1\nAnn sews.,Sing?,0\nAnn sews.,,0\n');
    const args = [
      'dataset',
      'import',
      'own.csv',
      '--columns',
      'statement=f,query=q,label=r',
      '--character',
      'Ann',
    ];
    const refused = await truecast([...args, '--out', 'ann'], { cwd });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('own.csv:4: query is missing');
    expect(existsSync(join(cwd, 'ann'))).toBe(false);
    const taken = await truecast([...args, '--labels', 'no=0,yes=1', '--skip-bad', '--out', 'ann'], { cwd });
    expect(taken.stderr).toContain('1 bad rows are left out, and in ann/skipped.jsonl');
    expect(readFileSync(join(cwd, 'ann', 'skipped.jsonl'), 'utf8')).toContain('own.csv:4');
  });

  it.each<[string, string[], string]>([
    ['no action', [], 'name an action'],
    ['an unknown action', ['frob'], 'frob'],
    ['no source', ['import', '--out', 'x'], 'Not enough'],
    ['an unknown role', ['import', 'own.csv', '--out', 'x', '--columns', 'a=b'], 'there is no role a'],
    [
      'an unknown label',
      ['import', 'own.csv', '--out', 'x', '--labels', 'maybe=1'],
      'there is no label maybe',
    ],
    ['no pair', ['import', 'own.csv', '--out', 'x', '--columns', 'statement'], 'is no pair'],
    ['a share of 2', ['split', 'tam', '--out', 'x', '--held-out', '2'], 'a share between 0 and 1'],
  ])('%s is a wrong call', async (_, args, says) => {
    const { code, stdout, stderr } = await truecast(['dataset', ...args], { cwd });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(says);
  });
});
