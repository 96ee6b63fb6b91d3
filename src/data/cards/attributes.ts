import { trimmed } from './wording.js';

/** `Key: value`, as it was found. */
export interface Attribute {
  key: string;
  value: string;
}

/** Keys that tell the model what to do: they say nothing of the character. */
const INSTRUCTIONS = /^(system( ?note)?|ooc|notes?|instructions?|important|warning)$/i;
/** A pronoun before a colon begins a sentence, and is nobody's attribute. */
const PRONOUNS = /^(s?he|they|it|i|you|we|his|hers?|their|its|my|your|our|this|that|these|those|there)\b/i;

const KEY = String.raw`[\p{L}\p{N}][^:：=;；()（）\[\]{}"“”!?。！？\n]{0,40}?`;
const LINE = new RegExp(String.raw`^["'“]?(${KEY})["'”]?\s*[:：]\s*(.*)$`, 'u');
const SEGMENT = new RegExp(String.raw`^["'“]?(${KEY})["'”]?\s*[:：=]\s*(.*)$`, 'u');
/** Bounded, so that no text makes it slow. W++: Key("a" + "b"), of which the quotes may be missing where something is added: Key(a + b). */
const CALL =
  /([\p{L}][\p{L}\p{N} '’_/-]{0,40}?)\s*\(\s*((?:["“][^"“”]{0,500}["”](?:\s*[+,]\s*["“][^"“”]{0,500}["”])*)|(?:[^()"“”]{0,500}\+[^()"“”]{0,500}))\s*\)/gu;

/** The attribute in a line, value maybe empty; undefined where it is a sentence, a time or an address. */
export function lineAttribute(line: string, pattern = LINE): Attribute | undefined {
  const [, key, value] = pattern.exec(line) ?? [];
  if (key === undefined || value === undefined) return undefined;
  const name = key.trim();
  if (/\d$/.test(name) && /^\d/.test(value)) return undefined;
  if (value.startsWith('//') || PRONOUNS.test(name)) return undefined;
  if (name.split(/\s+/).length > 5 || /[.,，、]\s/.test(`${name} `)) return undefined;
  return { key: tidyKey(name), value: unquoted(value) };
}

export function isInstruction(key: string): boolean {
  return INSTRUCTIONS.test(key);
}

/** Whether a line is, or begins, attributes written as W++. */
export function hasCalls(text: string): boolean {
  return text.includes('(') && text.search(CALL) >= 0;
}

/**
 * The attributes of a bracketed block: W++ calls, or segments `key: value` and `key = value` between semicolons,
 * line breaks, or commas before another key. `rest` is what is none of them.
 */
export function blockAttributes(inner: string): { attributes: Attribute[]; rest: string[] } {
  const attributes: Attribute[] = [];
  if (hasCalls(inner)) {
    const rest = inner.replace(CALL, (_, key: string, values: string) => {
      for (const value of callValues(values)) attributes.push({ key: tidyKey(key), value });
      return '\n';
    });
    return { attributes, rest: rest.split('\n').map(unbraced).filter(hasWords) };
  }
  const rest: string[] = [];
  for (const segment of inner.split(/[;；\n]|[,，]\s*(?=[\p{L}][\p{L}\p{N} '’_-]{0,30}\s*[:：=])/u)) {
    const text = unbraced(segment);
    const attribute = lineAttribute(text, SEGMENT);
    if (attribute && hasWords(attribute.value)) attributes.push(attribute);
    else if (hasWords(text)) rest.push(text);
  }
  return { attributes, rest };
}

function callValues(values: string): string[] {
  const quoted = [...values.matchAll(/["“]([^"”]*)["”]/g)].map(([, value]) => value!);
  return (quoted.length > 0 ? quoted : values.split('+')).map((value) => value.trim()).filter(hasWords);
}

export function hasWords(text: string): boolean {
  return /[\p{L}\p{N}]/u.test(text);
}

function tidyKey(key: string): string {
  return key.replace(/_/g, ' ').replace(/\s+/g, ' ').trim();
}

/** Without the quotes and the comma of JSON or YAML. */
function unquoted(value: string): string {
  const [, inner] = /^"([^"]*)",?$/.exec(value.trim()) ?? [];
  return inner ?? value.trim();
}

/** Without the braces, signs and commas that a block is held together by. */
function unbraced(text: string): string {
  const bare = trimmed(text.trim(), '{}+,， \t', '{+,， \t');
  return bare.includes('{') ? bare : trimmed(bare, '', '} \t');
}
