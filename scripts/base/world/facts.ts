import { clash } from './clashes.js';
import type { Dice } from './dice.js';
import { slotsOf } from './template.js';
import type { Fact, Kind, Person, Pool, Slot, Values } from './types.js';

/** Pools that are smaller may serve two facts of one character: both may well speak of a Monday. */
const smallestExclusivePool = 20;

/** Draws and changes the facts of one character. */
export class FactSource {
  private readonly used: Set<string>;

  constructor(
    private readonly person: Person,
    private readonly dice: Dice,
  ) {
    // Nobody else of the story shares the name of its hero.
    this.used = new Set([person.first]);
  }

  /** One fact for each kind that can have one beside the others. */
  drawAll(kinds: readonly Kind[]): Fact[] {
    const facts: Fact[] = [];
    for (const kind of this.dice.shuffle(kinds)) {
      if (kind.adult && this.person.child) continue;
      for (let attempt = 0; attempt < 20; attempt++) {
        const fact = this.draw(kind);
        if (facts.some((other) => clash(fact, other))) continue;
        for (const value of Object.values(fact.values)) this.used.add(value);
        facts.push(fact);
        break;
      }
    }
    return facts;
  }

  draw(kind: Kind): Fact {
    const variant = this.dice.weighted(
      kind.variants.map((_, index) => index),
      (index) => kind.variants[index]!.weight?.(this.person) ?? 1,
    );
    return { kind, variant, values: this.drawValues(kind) };
  }

  /** Values of a kind that this character does not have. */
  drawValues(kind: Kind): Values {
    const values: Record<string, string> = {};
    for (const [slot, spec] of Object.entries(kind.slots)) {
      values[slot] = this.pickFree(poolOf(spec, values, this.person));
    }
    return values;
  }

  /**
   * A fact of the same kind that cannot be true beside this one. Suggested values, such as those that a
   * question puts into the mouth, are taken where they fit.
   */
  wrong(fact: Fact, suggested: Values = {}): Fact {
    for (;;) {
      const drawn = this.draw(fact.kind);
      const values: Record<string, string> = { ...fact.values };
      if (drawn.variant !== fact.variant) {
        for (const slot of Object.keys(values)) {
          if (!fact.kind.topicSlots?.includes(slot)) values[slot] = drawn.values[slot]!;
        }
        return { ...drawn, values };
      }
      const open = Object.keys(values).filter((slot) => !fact.kind.topicSlots?.includes(slot));
      for (const slot of open) {
        const pool = poolOf(fact.kind.slots[slot]!, values, this.person);
        const suggestion = suggested[slot];
        const keeps = pool.includes(values[slot]!) && this.dice.chance(0.4);
        if (keeps) continue;
        if (suggestion !== undefined && pool.includes(suggestion) && this.dice.chance(0.5))
          values[slot] = suggestion;
        else values[slot] = this.pickFree(pool);
      }
      if (mentioned(fact).some((slot) => values[slot] !== fact.values[slot])) return { ...fact, values };
    }
  }

  /** A value that no other fact of the character has; pools are far larger than what one character uses. */
  private pickFree(pool: Pool): string {
    let value = this.dice.pick(pool);
    if (pool.length < smallestExclusivePool) return value;
    for (let attempt = 0; this.used.has(value) && attempt < 50; attempt++) value = this.dice.pick(pool);
    return value;
  }
}

/** The slots that the statements and answers of a fact's variant speak of. */
export function mentioned(fact: Fact): string[] {
  return [...slotsOf(fact.kind.variants[fact.variant]!.says[0]!).own];
}

function poolOf(slot: Slot, values: Values, person: Person): Pool {
  return typeof slot === 'function' ? slot(values, person) : slot;
}
