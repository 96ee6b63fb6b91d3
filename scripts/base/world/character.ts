import { Dice } from './dice.js';
import { english } from './english.js';
import { FactSource } from './facts.js';
import type { Language } from './language.js';
import { type Claim, Speaker } from './respond.js';
import { fill } from './template.js';
import type { Fact, Person, Values, WorldCharacter, WorldQuery, WorldResponse } from './types.js';
import { chinese } from './zh/chinese.js';

/** A small invented persona with annotated queries and responses; the same seed gives the same character. */
export function worldCharacter(seed: number): WorldCharacter {
  return new CharacterMaker(seed).character();
}

/** A short passage in the third person about the same character. */
export function worldText(seed: number): string {
  return new CharacterMaker(seed).passage();
}

interface Stated {
  id: string;
  fact: Fact;
}

interface Asked {
  text: string;
  /** The statements that an answer should include, the target first. */
  active: Stated[];
  /** Values that the question puts into the mouth. */
  suggested?: Values;
  /** Asked in words made for the kind, so that "Seventy-one." is an answer. */
  direct: boolean;
}

class CharacterMaker {
  private readonly dice: Dice;
  private readonly language: Language;
  private readonly person: Person;
  private readonly source: FactSource;
  private readonly speaker: Speaker;
  private readonly stated: Stated[];
  /** True as well, though no statement says so: stuff for answers beside the point. */
  private readonly untold: Fact[];

  constructor(private readonly seed: number) {
    this.dice = new Dice(seed);
    this.language = this.dice.chance(1 / 8) ? chinese : english;
    this.person = this.language.person(this.dice);
    this.source = new FactSource(this.person, this.dice);
    this.speaker = new Speaker(this.language, this.person, this.source, this.dice);
    const facts = this.source.drawAll(this.language.kinds);
    const count = Math.min(this.dice.integer(8, 14), facts.length - 3);
    this.stated = facts.slice(0, count).map((fact, index) => ({ id: statementId(index), fact }));
    this.untold = facts.slice(count);
  }

  character(): WorldCharacter {
    const statements = this.stated.map(({ id, fact }) => ({
      id,
      text: this.say(fact, this.dice.chance(0.75) ? this.person.full : this.person.short),
      attribute: fact.kind.id,
    }));
    const asked = this.stated.flatMap((target) => this.questions(target));
    const queries = asked.map((question, index) =>
      this.annotate(`q${String(index + 1).padStart(2, '0')}`, question),
    );
    return {
      id: `world-${this.seed}`,
      name: this.person.full,
      language: this.language.code,
      statements,
      queries,
    };
  }

  passage(): string {
    const sentences = this.dice.shuffle(this.stated).map(({ fact }, index) => {
      if (index === 0) return this.say(fact, this.person.full);
      return this.dice.chance(0.6)
        ? this.say(fact, this.person.short, true)
        : this.say(fact, this.person.short);
    });
    return sentences.join(this.language.gap);
  }

  private say(fact: Fact, called: string, pronoun = false): string {
    const person = { ...this.person, full: called };
    const template = this.dice.pick(fact.kind.variants[fact.variant]!.says);
    return fill(template, { person, values: fact.values, voice: 'third', pronoun }, this.dice);
  }

  /** Two questions on a statement, from two angles. */
  private questions(target: Stated): Asked[] {
    const first = this.ownQuestion(target);
    for (;;) {
      const second = this.otherQuestion(target);
      if (second.text !== first.text) return [first, second].map((question) => this.dress(question));
    }
  }

  private ownQuestion(target: Stated): Asked {
    const { kind, values } = target.fact;
    const drawn = this.source.drawValues(kind);
    const suggested: Record<string, string> = {};
    for (const slot of Object.keys(drawn)) {
      suggested[slot] = this.dice.chance(0.3) ? values[slot]! : drawn[slot]!;
    }
    const template = this.dice.pick(kind.asks);
    const scope = { person: this.person, values, others: suggested, voice: 'second' as const };
    const text = fill(template, scope, this.dice);
    const names = template.includes('{!') || template.includes(' !');
    return { text, active: [target], direct: true, ...(names && { suggested }) };
  }

  private otherQuestion(target: Stated): Asked {
    const roll = this.dice.uniform();
    const partners = this.stated.filter((other) => other !== target);
    const { group } = target.fact.kind;
    const relatives = partners.filter((other) => group !== undefined && other.fact.kind.group === group);
    const groupTexts = group && this.language.groupQueries[group];
    if (roll < 0.2 && relatives.length > 0 && groupTexts) {
      return { text: this.dice.pick(groupTexts), active: [target, ...relatives], direct: false };
    }
    if (roll < 0.5) {
      const partner = this.dice.pick(relatives.length > 0 && this.dice.chance(0.5) ? relatives : partners);
      const text = this.frame(this.dice.pick(this.language.jointFrames), target.fact, partner.fact);
      return { text, active: [target, partner], direct: false };
    }
    if (roll < 0.75) return this.ownQuestion(target);
    return {
      text: this.frame(this.dice.pick(this.language.topicFrames), target.fact),
      active: [target],
      direct: false,
    };
  }

  private frame(template: string, ...facts: Fact[]): string {
    const [t = '', u = ''] = facts.map((fact) => {
      const topic = this.dice.pick(fact.kind.topics);
      const scope = { person: this.person, values: fact.values, voice: 'second' as const };
      return fill(topic, scope, this.dice, false);
    });
    return fill(template, { person: this.person, values: { t, u }, voice: 'second' }, this.dice);
  }

  private dress(question: Asked): Asked {
    let text = question.text;
    if (this.dice.chance(0.2)) text = this.language.address(text, this.person.short, this.dice);
    else if (this.dice.chance(0.12))
      text = [this.dice.pick(this.language.scenes), text].join(this.language.gap);
    return { ...question, text };
  }

  private annotate(id: string, question: Asked): WorldQuery {
    const texts = new Set<string>();
    const fresh = (make: () => WorldResponse): WorldResponse => {
      for (;;) {
        const response = make();
        if (texts.has(response.text)) continue;
        texts.add(response.text);
        return response;
      }
    };
    return {
      id,
      text: question.text,
      active: question.active.map((stated) => stated.id),
      borderline: [],
      entailed: fresh(() => this.entailed(question)),
      neutral: fresh(() => this.neutral(question)),
      contradicted: fresh(() => this.contradicted(question)),
    };
  }

  private entailed(question: Asked): WorldResponse {
    const told = question.active.slice(0, this.dice.chance(0.3) ? 3 : 2);
    const claims = told.map(({ fact }) => this.speaker.claim(fact));
    return this.respond(question, claims, told, []);
  }

  private contradicted(question: Asked): WorldResponse {
    const [target, second] = question.active;
    const contradicts = [target!];
    const entails: Stated[] = [];
    const claims = [this.speaker.falseClaim(target!.fact, question.suggested)];
    if (second) {
      const wrong = this.dice.chance(0.35);
      claims.push(wrong ? this.speaker.falseClaim(second.fact) : this.speaker.claim(second.fact));
      (wrong ? contradicts : entails).push(second);
    }
    return this.respond(question, claims, entails, contradicts);
  }

  /** Beside the point, with the same stuff as the others: facts of other kinds, asides, colour. */
  private neutral(question: Asked): WorldResponse {
    const roll = this.dice.uniform();
    const entails: Stated[] = [];
    const others = this.dice.chance(0.4) ? question.active.slice(1, 2) : [];
    if (others.length === 0 && roll > 0.75) {
      const { fact } = question.active[0]!;
      return this.finish([this.speaker.aside(fact), this.speaker.colour()], [], []);
    }
    const claims = others.map(({ fact }) => this.speaker.claim(fact));
    entails.push(...others);
    for (let i = 0; claims.length < question.active.slice(0, 2).length && i < 4; i++) {
      const [claim, stated] = this.offTopic(question, entails);
      claims.push(claim);
      if (stated) entails.push(stated);
    }
    return this.respond({ ...question, direct: false }, claims, entails, []);
  }

  /** A true fact that the question does not ask for; half of the time it is kin to what is asked. */
  private offTopic(question: Asked, taken: readonly Stated[] = []): [Claim, Stated | undefined] {
    const free = this.stated.filter((stated) => !question.active.includes(stated) && !taken.includes(stated));
    const { group } = question.active[0]!.fact.kind;
    const near = <T>(items: readonly T[], kindOf: (item: T) => string | undefined) => {
      const kin = items.filter((item) => group !== undefined && kindOf(item) === group);
      return this.dice.pick(kin.length > 0 && this.dice.chance(0.5) ? kin : items);
    };
    if (free.length > 0 && this.dice.chance(0.5)) {
      const stated = near(free, ({ fact }) => fact.kind.group);
      return [this.speaker.claim(stated.fact), stated];
    }
    const fact = near(this.untold, (untold) => untold.kind.group);
    return [this.speaker.claim(fact), undefined];
  }

  /** The claims, and often a sentence more. */
  private respond(
    question: Asked,
    claims: readonly Claim[],
    entails: Stated[],
    contradicts: Stated[],
  ): WorldResponse {
    const sentences = this.dice.shuffle(claims).map((claim) => this.speaker.tell(claim, question.direct));
    const roll = this.dice.uniform() * (claims.length > 1 ? 0.6 : 1);
    if (roll > 0.85) {
      const [claim, stated] = this.offTopic(question, entails);
      sentences.splice(this.place(sentences), 0, this.speaker.tell(claim, false));
      if (stated) entails = [...entails, stated];
    } else if (roll > 0.65) {
      sentences.splice(this.place(sentences), 0, this.speaker.aside(question.active[0]!.fact));
    } else if (roll > 0.25) {
      sentences.splice(this.place(sentences), 0, this.speaker.colour());
    }
    return this.finish(sentences, entails, contradicts);
  }

  private place(sentences: readonly string[]): number {
    return this.dice.chance(0.35) ? 0 : sentences.length;
  }

  private finish(sentences: readonly string[], entails: Stated[], contradicts: Stated[]): WorldResponse {
    return { text: this.speaker.join(sentences), entails: ids(entails), contradicts: ids(contradicts) };
  }
}

function ids(stated: readonly Stated[]): string[] {
  return stated.map(({ id }) => id);
}

function statementId(index: number): string {
  return `s${String(index + 1).padStart(2, '0')}`;
}
