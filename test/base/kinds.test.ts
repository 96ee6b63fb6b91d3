import { describe, expect, it } from 'vitest';
import { englishKinds } from '../../scripts/base/world/kinds/index.js';
import { settings } from '../../scripts/base/world/settings.js';
import { slotsOf } from '../../scripts/base/world/template.js';
import type { Kind, Person } from '../../scripts/base/world/types.js';
import { chineseKinds } from '../../scripts/base/world/zh/kinds.js';

describe.each([
  ['English', englishKinds, 40],
  ['Chinese', chineseKinds, 15],
] as const)('%s kinds', (_, kinds, least) => {
  it('are many and have names of their own', () => {
    expect(kinds.length).toBeGreaterThanOrEqual(least);
    expect(new Set(kinds.map((kind) => kind.id)).size).toBe(kinds.length);
  });

  it.each(kinds.map((kind) => [kind.id, kind] as const))('%s has enough paraphrases', (_id, kind) => {
    expect(kind.asks.length).toBeGreaterThanOrEqual(8);
    expect(kind.asides.length).toBeGreaterThanOrEqual(3);
    expect(kind.topics.length).toBeGreaterThanOrEqual(2);
    for (const { says, tells } of kind.variants) {
      expect(says.length).toBeGreaterThanOrEqual(6);
      expect(tells.length).toBeGreaterThanOrEqual(8);
      // Some answers suit any temper, so nobody is left without words.
      expect(tells.filter((tell) => !tell.startsWith('[')).length).toBeGreaterThanOrEqual(2);
      for (const list of [says, tells]) expect(new Set(list).size).toBe(list.length);
    }
  });

  it.each(kinds.map((kind) => [kind.id, kind] as const))('%s tells all that it says', (_id, kind) => {
    for (const { says, tells } of kind.variants) {
      const spoken = [...slotsOf(says[0]!).own].sort();
      for (const template of [...says, ...tells])
        expect([...slotsOf(template).own].sort(), template).toEqual(spoken);
      for (const template of says) expect(slotsOf(template).other.size, template).toBe(0);
    }
    // Questions and topics must not give the answer away.
    const allowed = kind.topicSlots ?? [];
    for (const template of [...kind.asks, ...kind.topics]) {
      for (const slot of slotsOf(template).own) expect(allowed, template).toContain(slot);
    }
  });

  it.each(kinds.map((kind) => [kind.id, kind] as const))('%s draws from sound pools', (_id, kind) => {
    for (const pool of poolsOf(kind)) {
      expect(new Set(pool).size, JSON.stringify(pool)).toBe(pool.length);
      const fields = new Set(pool.map((value) => value.split(';').length));
      expect(fields.size, JSON.stringify(pool)).toBe(1);
      const forms = pool.flatMap((value) => value.split(';')[0]!.split('|'));
      expect(new Set(forms).size).toBe(forms.length);
    }
  });
});

/** The pools of a kind over settings, ages, genders and the values that later slots depend on. */
function poolsOf(kind: Kind): (readonly string[])[] {
  const found: (readonly string[])[] = [];
  for (const setting of settings) {
    for (const [child, gender] of [
      [true, 'f'],
      [false, 'm'],
    ] as const) {
      const person = { setting, child, gender } as Person;
      const values: Record<string, string> = {};
      for (const [slot, spec] of Object.entries(kind.slots)) {
        const pool = typeof spec === 'function' ? spec(values, person) : spec;
        found.push(pool);
        values[slot] = pool[0]!;
      }
    }
  }
  return found;
}
