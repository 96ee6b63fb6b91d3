import type { Dice } from './dice.js';
import type { FactSource } from './facts.js';
import type { Language } from './language.js';
import { fill } from './template.js';
import type { Fact, Person, Temper, Values } from './types.js';

/** A fact as it is told, with what it is told apart from. */
export interface Claim {
  fact: Fact;
  others: Values;
}

/** Marks that a template may carry: tempers that it suits, and "~" for one that only answers a direct question. */
const marks: Readonly<Record<string, Temper>> = {
  b: 'brusque',
  c: 'chatty',
  f: 'formal',
  k: 'childish',
  p: 'poetic',
};

export class Speaker {
  constructor(
    private readonly language: Language,
    private readonly person: Person,
    private readonly source: FactSource,
    private readonly dice: Dice,
  ) {}

  /** What is true, told apart from something else of the kind. */
  claim(fact: Fact): Claim {
    return { fact, others: this.source.drawValues(fact.kind) };
  }

  /** What is not true; where the sentence names a mistake, it is often the truth. */
  falseClaim(fact: Fact, suggested?: Values): Claim {
    const wrong = this.source.wrong(fact, suggested);
    const others: Record<string, string> = { ...this.source.drawValues(fact.kind) };
    for (const slot of Object.keys(others)) {
      const differs = wrong.values[slot] !== fact.values[slot];
      if (differs && this.dice.chance(0.6)) others[slot] = fact.values[slot]!;
    }
    return { fact: wrong, others };
  }

  tell(claim: Claim, direct: boolean): string {
    const template = this.dice.pick(this.tellings(claim.fact, direct));
    const scope = {
      person: this.person,
      values: claim.fact.values,
      others: this.apart(claim),
      voice: 'first' as const,
    };
    return fill(template.replace(/^\[[^\]]*\] /, ''), scope, this.dice);
  }

  /** On the topic of a fact and not about the speaker. It often names the true value: that must not mislead. */
  aside(fact: Fact): string {
    const drawn = this.source.drawValues(fact.kind);
    const values: Record<string, string> = {};
    for (const slot of Object.keys(drawn)) {
      const keep = fact.kind.topicSlots?.includes(slot) || this.dice.chance(0.45);
      values[slot] = keep ? fact.values[slot]! : drawn[slot]!;
    }
    return fill(this.dice.pick(fact.kind.asides), { person: this.person, values, voice: 'first' }, this.dice);
  }

  colour(): string {
    return this.dice.pick(this.language.colour[this.temper()]);
  }

  /** One text, perhaps with a word before and after. */
  join(sentences: readonly string[]): string {
    const parts = [...sentences];
    if (this.dice.chance(0.3)) parts.unshift(this.dice.pick(this.language.openers[this.temper()]));
    if (this.dice.chance(0.12)) parts.push(this.dice.pick(this.language.closers[this.temper()]));
    return parts.join(this.language.gap);
  }

  private tellings(fact: Fact, direct: boolean): string[] {
    const temper = this.temper();
    return fact.kind.variants[fact.variant]!.tells.filter((template) => {
      const mark = /^\[([^\]]*)\]/.exec(template)?.[1];
      if (mark === undefined) return true;
      if (mark.includes('~') && !direct) return false;
      const suited = [...mark].filter((letter) => letter !== '~').map((letter) => marks[letter]);
      return suited.length === 0 || suited.includes(temper);
    });
  }

  /** A mistake must not happen to be the value itself. */
  private apart(claim: Claim): Values {
    const others: Record<string, string> = { ...claim.others };
    for (const slot of Object.keys(others)) {
      for (let attempt = 0; others[slot] === claim.fact.values[slot] && attempt < 20; attempt++) {
        others[slot] = this.source.drawValues(claim.fact.kind)[slot]!;
      }
    }
    return others;
  }

  /** People are mostly, not always, in their own mood. */
  private temper(): Temper {
    const all = Object.values(marks);
    return this.dice.chance(0.85) ? this.person.temper : this.dice.pick(all);
  }
}
