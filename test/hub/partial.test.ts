import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { claimPartial, releasePartial } from '../../src/hub/partial.js';
import { filesUnder } from '../helpers/fakeHub.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const HOST = hostname().replace(/[^\w-]/g, '-');

describe('a partial file', () => {
  it('is taken over from a process that is gone, the longest first, and from no other', () => {
    const target = join(temporary(), 'ab');
    const { pid: gone } = spawnSync(process.execPath, ['-e', '']);
    const left = (name: string, bytes: number, minutes = 0) => {
      const path = `${target}.${name}.incomplete`;
      writeFileSync(path, 'x'.repeat(bytes));
      const when = Date.now() / 1000 - 60 * minutes;
      utimesSync(path, when, when);
      return path;
    };
    const others = [
      left(`${HOST}.${process.ppid}.00000001`, 50),
      left(`elsewhere.${gone}.00000002`, 50),
      // Python's
      left('01234567', 50, 60),
    ];
    left(`${HOST}.${gone}.00000003`, 10);
    left(`${HOST}.${process.pid}.00000004`, 20);
    left('elsewhere.1.00000005', 30, 11);

    const sizes: number[] = [];
    const claimed = Array.from({ length: 4 }, () => claimPartial(target));
    for (const path of claimed) sizes.push(existsSync(path) ? readFileSync(path).length : 0);
    expect(sizes).toEqual([30, 20, 10, 0]);
    expect(new Set(claimed).size).toBe(4);
    for (const path of others) expect(existsSync(path), path).toBe(true);

    claimed.forEach(releasePartial);
    expect(readFileSync(claimPartial(target))).toHaveLength(30);
  });

  it('that is empty goes', () => {
    const target = join(temporary(), 'ab');
    const own = claimPartial(target);
    writeFileSync(own, '');
    releasePartial(own);
    expect(filesUnder(join(target, '..'))).toEqual([]);
  });
});
