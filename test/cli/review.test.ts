import { cpSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { setAside } from '../../src/recipes/review.js';
import { ReviewSession } from '../../src/teacher/review/session.js';
import { truecast, truecastJson } from '../helpers/cli.js';
import { temporaryFolders } from '../helpers/temporary.js';

const folder = temporaryFolders();

function reviewed(): string {
  const path = folder();
  cpSync('datasets/quill', join(path, 'quill'), { recursive: true });
  setAside(join(path, 'quill'), { share: 0.05, seed: 1 });
  const session = new ReviewSession(join(path, 'quill'), { showLabel: false });
  session.label(session.current!.label);
  session.label(1 - session.current!.label);
  return path;
}

describe('truecast review', () => {
  it('takes a terminal, and does nothing without one', async () => {
    const path = folder();
    cpSync('datasets/quill', join(path, 'quill'), { recursive: true });
    const result = await truecast(['review', 'quill', '--share', '0.05'], { cwd: path });
    expect(result).toMatchObject({ code: 2, stdout: '' });
    expect(result.stderr).toContain('no terminal');
    expect(existsSync(join(path, 'quill', 'review.jsonl'))).toBe(false);
  });

  it('prints what was found, and applies it', async () => {
    const cwd = reviewed();
    const report = await truecastJson(['review', 'quill', '--report'], { cwd });
    expect(report).toMatchObject({
      labelled: 2,
      skipped: 0,
      tables: [{ accuracy: { correct: 1, rows: 2 } }, {}],
    });
    const { stdout } = await truecast(['review', 'quill', '--report'], { cwd });
    expect(stdout).toContain('1 (50.0 %)');
    expect(stdout).toContain('nli: nothing labelled yet');
    expect(await truecastJson(['review', 'quill', '--apply', 'out'], { cwd })).toMatchObject({
      changed: { relevance: 1, nli: 0 },
    });
    expect(existsSync(join(cwd, 'out', 'reviewed.json'))).toBe(true);
    const again = await truecast(['review', 'quill', '--apply', 'out'], { cwd });
    expect(again).toMatchObject({ code: 1 });
    expect(again.stderr).toContain('there already');
  });

  it.each([
    ['--share', '0'],
    ['--share', '2'],
    ['--report', '--apply'],
    ['--report', '--share'],
  ])('refuses %s %s', async (...args) => {
    const last = args[1]!.startsWith('--') ? ['0.1'] : [];
    expect(await truecast(['review', 'quill', ...args, ...last], { cwd: folder() })).toMatchObject({
      code: 2,
    });
  });
});
