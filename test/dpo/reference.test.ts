import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { TokenizedPair } from '../../src/dpo/pairs.js';
import { type KnownReferences, type ReferenceLogProbs, referenceLogProbs } from '../../src/dpo/reference.js';
import { ReferenceCache } from '../../src/dpo/referenceCache.js';
import { loadGemma } from '../../src/models/decoders.js';
import { type Progress, silent } from '../../src/support/progress.js';
import { describeBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';

const temporary = temporaryFolders();
const pair = (i: number, length = 3): TokenizedPair => ({
  id: `p${i}`,
  prompt: [2, 5 + i],
  chosen: Array.from({ length }, (_, t) => 7 + ((i + t) % 20)),
  rejected: [9 + i, 1],
  gap: 0,
});
const value = (i: number): ReferenceLogProbs => ({ chosen: -i - 1 / 3, rejected: -2 * i - 0.1 });

function notes(): { progress: Progress; said: string[] } {
  const said: string[] = [];
  return { progress: { ...silent, note: (text) => void said.push(text) }, said };
}

describe('ReferenceCache', () => {
  const pairs = [0, 1, 2, 3].map((i) => pair(i));
  const reference = { weights: 'abc', held: { quantization: 'nf4' } };
  const filled = (folder: string) => {
    const cache = ReferenceCache.open(folder, reference, silent);
    cache.add(pairs.slice(0, 2), [value(0), value(1)]);
    cache.add([pairs[2]!], [value(2)]);
    return cache;
  };

  it('remembers pairs by their tokens, from one opening to the next, to the last bit', () => {
    const folder = temporary();
    const before = filled(folder);
    for (const cache of [before, ReferenceCache.open(folder, reference, silent)]) {
      expect([0, 1, 2, 3].map((i) => cache.get(pairs[i]!))).toEqual([
        value(0),
        value(1),
        value(2),
        undefined,
      ]);
      expect(cache.get({ ...pairs[1]!, id: 'another name', gap: 1 })).toEqual(value(1));
      expect(
        cache.get({ ...pairs[1]!, chosen: pairs[1]!.rejected, rejected: pairs[1]!.chosen }),
      ).toBeUndefined();
      // the same tokens, cut elsewhere
      const { prompt, chosen } = pairs[1]!;
      expect(
        cache.get({ ...pairs[1]!, prompt: [...prompt, chosen[0]!], chosen: chosen.slice(1) }),
      ).toBeUndefined();
    }
  });

  it('keeps references apart', () => {
    const folder = temporary();
    filled(folder);
    const others = [{ ...reference, weights: 'abd' }, { ...reference, held: { quantization: 'none' } }, {}];
    for (const other of others) {
      const cache = ReferenceCache.open(folder, other, silent);
      expect(cache.get(pairs[0]!)).toBeUndefined();
      cache.add([pairs[0]!], [value(9)]);
    }
    expect(readdirSync(folder)).toHaveLength(4);
    expect(ReferenceCache.open(folder, reference, silent).get(pairs[0]!)).toEqual(value(0));
  });

  it.each<[string, (text: string) => string, known: boolean[]]>([
    ['half a line at the end', (text) => text.slice(0, -9), [true, true, false]],
    ['an end without a newline', (text) => text.trimEnd(), [true, true, true]],
    ['another digit', (text) => text.replace('"chosen":-1.3', '"chosen":-1.4'), [true, false, true]],
    ['what is no JSON', (text) => `\0\0${text}`, [false, true, true]],
    ['other fields', (text) => text.replace('"check"', '"cheque"'), [false, true, true]],
    ['nothing', () => '', [false, false, false]],
  ])('%s: what is damaged is left out and said, the rest stays', (_what, damage, known) => {
    const folder = temporary();
    const { path } = filled(folder);
    writeFileSync(path, damage(readFileSync(path, 'utf8')));
    const { progress, said } = notes();
    const cache = ReferenceCache.open(folder, reference, progress);
    expect([0, 1, 2].map((i) => cache.get(pairs[i]!) !== undefined)).toEqual(known);
    const lost = known.includes(false) && known.includes(true);
    expect(said).toEqual(lost ? [expect.stringContaining('1 damaged lines are left out')] : []);
    // and what is added after it is whole
    cache.add(
      pairs,
      pairs.map((_, i) => value(i)),
    );
    const after = notes();
    const again = ReferenceCache.open(folder, reference, after.progress);
    expect(pairs.map((one) => again.get(one))).toEqual(pairs.map((_, i) => value(i)));
    expect(after.said).toEqual([]);
  });
});

describeBackends('referenceLogProbs', () => {
  /** Two passes: eight long pairs, and the rest. */
  const long = Array.from({ length: 8 }, (_, i) => pair(10 + i, 225 + i));
  const pairs = [pair(0), ...long, pair(2), pair(3, 20), pair(4)];

  it('computes what is not known, in the same company, and is stopped and goes on with the same numbers', async () => {
    const model = loadGemma('test/fixtures/models/gemma-b', { quantization: 'none' });
    const expected = await referenceLogProbs(model, pairs);
    const folder = temporary();
    const open = () => ReferenceCache.open(folder, { of: 'gemma-b' }, silent);
    const stopping: KnownReferences = {
      get: () => undefined,
      add(added, values) {
        open().add(added, values);
        throw new Error('killed');
      },
    };
    await expect(referenceLogProbs(model, pairs, { known: stopping })).rejects.toThrow('killed');
    const computed: string[] = [];
    const resumed = open();
    const watched: KnownReferences = {
      get: (one) => resumed.get(one),
      add(added, values) {
        computed.push(...added.map(({ id }) => id));
        resumed.add(added, values);
      },
    };
    expect(await referenceLogProbs(model, pairs, { known: watched })).toEqual(expected);
    expect(computed.sort()).toEqual(['p0', 'p2', 'p3', 'p4']);
    computed.length = 0;
    expect(await referenceLogProbs(model, [...pairs].reverse(), { known: watched })).toEqual(
      [...expected].reverse(),
    );
    expect(computed).toEqual([]);
    expect(existsSync(resumed.path)).toBe(true);
    model.dispose();
  });
});
