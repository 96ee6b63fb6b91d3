import type { Dice } from './dice.js';
import { capitalise, gerund, thirdPerson, withArticle } from './grammar.js';
import type { Person, Values } from './types.js';

/**
 * Fills a template. Between braces stands a slot ("{pet}"), with "!" the value that it is mistaken for
 * ("{!pet}"), with a number a further field of the value ("{job.2}"). Prefixes change the value: "a " puts
 * an article before it, "s " and "ing " put its verb into the third person or the gerund.
 *
 * The character is {N} (subject), {N's} and {M} (object) in statements; {he}, {his}, {him} and {himself}
 * agree with it.
 */
export interface Scope {
  person: Person;
  values: Values;
  /** Values for "{!slot}". */
  others?: Values;
  /** Who speaks of whom: it decides what becomes of "my" in a value. */
  voice: 'first' | 'second' | 'third';
  /** In running text a pronoun stands for a name that leads its sentence. */
  pronoun?: boolean;
}

const hole = /\{(?:(a|s|ing) )?(!)?([\w']+)(?:\.(\d))?\}/g;

/** The slots that a template mentions, without and with "!". */
export function slotsOf(template: string): { own: Set<string>; other: Set<string> } {
  const own = new Set<string>();
  const other = new Set<string>();
  for (const [, , bang, name] of template.matchAll(hole)) {
    if (!personal.has(name!)) (bang ? other : own).add(name!);
  }
  return { own, other };
}

const personal = new Set(['N', "N's", 'M', 'he', 'his', 'him', 'himself']);

export function fill(template: string, scope: Scope, dice: Dice, sentence = true): string {
  const text = template.replace(hole, (_, change, bang, name, field, offset) => {
    if (personal.has(name)) return personalForm(name, scope, offset === 0);
    const values = bang ? scope.others : scope.values;
    const value = values?.[name];
    if (value === undefined) throw new Error(`no value for ${name} in ${template}`);
    const form = inVoice(formOf(value, Number(field ?? 1), dice), scope);
    if (change === 'a') return withArticle(form);
    if (change === 's') return inVoice(thirdPerson(form), scope);
    return change === 'ing' ? gerund(form) : form;
  });
  return sentence ? capitalise(text) : text;
}

/** One of the forms of a field; the plain one more often than each other. */
function formOf(value: string, field: number, dice: Dice): string {
  const text = value.split(';')[field - 1];
  if (text === undefined) throw new Error(`no field ${field} in ${value}`);
  const forms = text.split('|');
  return dice.chance(0.4) ? forms[0]! : dice.pick(forms);
}

function personalForm(name: string, scope: Scope, leads: boolean): string {
  const forms = scope.person.pronouns;
  const called = scope.voice === 'third' ? scope.person.full : scope.person.short;
  switch (name) {
    case 'N':
      return scope.pronoun && leads ? forms.he : called;
    case "N's":
      return scope.pronoun && leads ? forms.his : `${called}'s`;
    case 'M':
      return called;
    default:
      return forms[name as 'he'];
  }
}

function inVoice(text: string, scope: Scope): string {
  if (scope.voice === 'first') return text;
  const forms = scope.person.pronouns;
  const my = scope.voice === 'second' ? 'your' : forms.his;
  const myself = scope.voice === 'second' ? 'yourself' : forms.himself;
  return text.replace(/\bmyself\b/g, myself).replace(/\bmy\b/g, my);
}
