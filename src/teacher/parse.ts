import type { z } from 'zod';
import { answerJsonSchema } from './stages/answers.js';
import type { FailureReason } from './teacher.js';

export type Parsed<T> = { value: T } | { failure: FailureReason; detail: string };

/** Longer answers than this are none. */
const LONGEST = 200_000;
/** So many brackets that do not close are searched for their ends: each search goes through all of the text. */
const MOST_UNCLOSED = 100;

/**
 * Reads an answer that may not be the bare JSON that was asked for: code fences, prose around it, trailing
 * commas, thoughts of a reasoning model before it, a bare or a numbered list where a list of sentences is
 * wanted, a bare word where a label is. Nothing is guessed: two answers that differ are none.
 */
export function parseAnswer<S extends z.ZodType>(text: string, schema: S): Parsed<z.infer<S>> {
  const answer = text.replace(/^\s*<think>[\s\S]*?<\/think>/, '').trim();
  if (answer === '') return { failure: 'malformed', detail: 'an empty answer' };
  if (answer.length > LONGEST) return { failure: 'malformed', detail: `${answer.length} characters long` };

  const shape = shapeOf(schema);
  let problem = 'no JSON of the shape asked for';
  const found = new Map<string, z.infer<S>>();
  for (const value of candidates(answer)) {
    const result = schema.safeParse(fitted(value, shape));
    if (result.success) found.set(JSON.stringify(result.data), result.data);
    else if (isObject(value) || Array.isArray(value)) problem = firstIssue(result.error);
  }
  if (found.size === 0) {
    const plain = plainValue(answer, shape);
    const result = plain === undefined ? undefined : schema.safeParse(plain);
    if (result?.success) return { value: result.data };
    if (result) problem = firstIssue(result.error);
  }
  if (found.size === 1) return { value: [...found.values()][0]! };
  if (found.size > 1) return { failure: 'malformed', detail: `${found.size} answers that differ` };
  const reason = REFUSAL.test(answer) ? 'refused' : 'malformed';
  return { failure: reason, detail: `${problem}: ${shorten(answer)}` };
}

const REFUSAL =
  /^(i['’]?m (very )?sorry|i am sorry|sorry|i apologi[sz]e|i (can(no|['’])t|cannot|am unable|won['’]t)|as an ai|抱歉|很抱歉|对不起|對不起|我无法|我無法|申し訳|すみません)/i;

/** The JSON values of an answer: all of it, else those in code fences, else those between other words. */
function candidates(answer: string): unknown[] {
  const whole = parsed(answer);
  if (whole !== undefined) return [whole];
  const fenced = [...answer.matchAll(/```[\w-]*\s*\n([\s\S]*?)```/g)].map(([, inner]) =>
    parsed(inner!.trim()),
  );
  const values = fenced.filter((value) => value !== undefined);
  if (values.length > 0) return values;
  return spans(answer).flatMap((span) => {
    const value = parsed(span);
    return value === undefined ? [] : [value];
  });
}

/** JSON, perhaps with commas before closing brackets. */
function parsed(text: string): unknown {
  for (const version of [text, withoutTrailingCommas(text)]) {
    try {
      return JSON.parse(version);
    } catch {
      // the next version, or none
    }
  }
  return undefined;
}

/** Strings are stepped over whole. */
function withoutTrailingCommas(text: string): string {
  return text.replace(/("(?:[^"\\]|\\.)*")|,(\s*[\]}])/g, (_, string, end) => string ?? end);
}

/** Stretches from an opening bracket to the one that closes it, outermost ones. */
function spans(text: string): string[] {
  const found: string[] = [];
  let unclosed = 0;
  for (let i = 0; i < text.length && unclosed < MOST_UNCLOSED; i++) {
    if (text[i] !== '{' && text[i] !== '[') continue;
    const end = closing(text, i);
    if (end === undefined) {
      unclosed++;
      continue;
    }
    found.push(text.slice(i, end + 1));
    i = end;
  }
  return found;
}

function closing(text: string, begin: number): number | undefined {
  const open: string[] = [];
  let inString = false;
  for (let i = begin; i < text.length; i++) {
    const c = text[i]!;
    if (inString) {
      if (c === '\\') i++;
      else if (c === '"') inString = false;
    } else if (c === '"') inString = true;
    else if (c === '{' || c === '[') open.push(c === '{' ? '}' : ']');
    else if (c === '}' || c === ']') {
      if (open.pop() !== c) return undefined;
      if (open.length === 0) return i;
    }
  }
  return undefined;
}

/** What of an answer's shape tolerance needs to know. */
interface Shape {
  keys: readonly string[];
  /** The only key, where it holds a list of strings. */
  list?: string;
  /** The only key, where it holds one of these words. */
  label?: { key: string; words: readonly string[] };
}

interface JsonSchema {
  type?: string;
  enum?: string[];
  items?: JsonSchema;
  properties?: Record<string, JsonSchema>;
}

function shapeOf(schema: z.ZodType): Shape {
  const { properties = {} } = answerJsonSchema(schema) as JsonSchema;
  const keys = Object.keys(properties);
  const [key] = keys;
  if (keys.length !== 1 || key === undefined) return { keys };
  const only = properties[key]!;
  if (only.type === 'array' && only.items?.type === 'string') return { keys, list: key };
  if (only.enum !== undefined) return { keys, label: { key, words: only.enum } };
  return { keys };
}

/** A bare list or label under its key; keys that nobody asked for left out; labels in the case asked for. */
function fitted(value: unknown, { keys, list, label }: Shape): unknown {
  if (Array.isArray(value)) return list === undefined ? value : { [list]: value };
  if (!isObject(value)) return value;
  const known = Object.fromEntries(Object.entries(value).filter(([key]) => keys.includes(key)));
  if (label !== undefined && typeof known[label.key] === 'string') {
    known[label.key] = wordOf(known[label.key] as string, label.words);
  }
  return known;
}

/** A list of lines or a label, without any JSON. */
function plainValue(answer: string, { list, label }: Shape): unknown {
  if (label !== undefined) return { [label.key]: wordOf(answer, label.words) };
  if (list === undefined) return undefined;
  const lines = answer
    .replace(/^```.*$/gm, '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // a line that leads to the list is none of it
  if (lines.length > 1 && /[:：]$/.test(lines[0]!) && itemOf(lines[0]!) === undefined) lines.shift();
  const items = lines.map(itemOf);
  if (items.length === 0 || items.includes(undefined)) return undefined;
  return { [list]: items };
}

/** The text of `1. text`, `1) text`, `(1) text`, `- text`, `* text`, `• text`, perhaps in quotes. */
function itemOf(line: string): string | undefined {
  const [, text] = /^(?:\(?\d{1,3}[.)、．:]\s*|[-*•・]\s+)(.+)$/.exec(line) ?? [];
  return text?.replace(/^(["“「])(.*)(["”」])$/s, '$2').trim();
}

/** The word that a text is, whatever its case and what stands around it; else the text itself. */
function wordOf(text: string, words: readonly string[]): string {
  const bare = text.toLowerCase().replace(/[\s"'`*_.。“”]+/g, '');
  return words.find((word) => word === bare) ?? text;
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]!;
  return `${issue.path.join('.') || 'the answer'}: ${issue.message}`;
}

function shorten(text: string): string {
  const line = text.replace(/[\p{Cc}\s]+/gu, ' ');
  return line.length > 160 ? `${line.slice(0, 160)}…` : line;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
