import { messageOf, TruecastError } from '../../support/errors.js';
import { LIMITS } from './limits.js';

/**
 * A JSON text whose values can be replaced one by one: all else (order, spacing, spelling of numbers, unknown
 * and repeated keys) stays as it was written.
 */
export class JsonText {
  private parsed?: { value: unknown };

  private constructor(
    readonly text: string,
    private readonly where: string,
  ) {}

  /** @throws TruecastError where it is no JSON, too long, or nested too deeply */
  static parse(text: string, where: string): JsonText {
    const json = new JsonText(text, where);
    void json.value;
    return json;
  }

  get value(): unknown {
    this.parsed ??= { value: this.read() };
    return this.parsed.value;
  }

  private read(): unknown {
    const bytes = Buffer.byteLength(this.text);
    if (bytes > LIMITS.json)
      throw new TruecastError(
        `${this.where} is JSON of ${bytes} bytes, at most ${LIMITS.json} are read`,
        'split its lorebook, or take out what is not text',
      );
    const body = this.text.startsWith('\uFEFF') ? this.text.slice(1) : this.text;
    checkDepth(body, this.where);
    try {
      return JSON.parse(body);
    } catch (error) {
      throw new TruecastError(
        `${this.where} is not JSON: ${messageOf(error)}`,
        'mend it, or export it again',
      );
    }
  }

  /**
   * The text with `value` at a path of keys, of which all but the last must be there. A missing last key is
   * added at its object's end. Where a key is repeated the last one is meant, as JSON.parse has it.
   */
  with(path: readonly string[], value: unknown): JsonText {
    let at = skipSpace(this.text, this.text.startsWith('\uFEFF') ? 1 : 0);
    for (const [i, key] of path.entries()) {
      const members = membersOf(this.text, at);
      const found = members.findLast((member) => member.key === key);
      if (found) at = found.begin;
      else if (i === path.length - 1) return this.insert(at, members, key, value);
      else throw new Error(`${this.where}: no ${path.join('.')} to replace`);
    }
    return this.splice(at, endOfValue(this.text, at), this.written(value));
  }

  private insert(at: number, members: readonly Member[], key: string, value: unknown): JsonText {
    const last = members.at(-1);
    const { text } = this;
    const before = last ? text.slice(last.gap, last.keyBegin) : '';
    const space = before.slice(before.trimEnd().length);
    const colon = last ? text.slice(endOfString(text, last.keyBegin), last.begin) : ':';
    const member = `${last ? ',' : ''}${space}${this.written(key)}${colon}${this.written(value)}`;
    const place = last ? last.end : at + 1;
    return this.splice(place, place, member);
  }

  private splice(begin: number, end: number, by: string): JsonText {
    return JsonText.parse(this.text.slice(0, begin) + by + this.text.slice(end), this.where);
  }

  /** In ASCII alone where the whole text is, but for its mark. */
  private written(value: unknown): string {
    const json = JSON.stringify(value);
    if (/[\u0080-\ufefe\uff00-\uffff]/.test(this.text)) return json;
    return json.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  }
}

interface Member {
  key: string;
  /** After the brace or the value before it. */
  gap: number;
  keyBegin: number;
  /** Of its value. */
  begin: number;
  end: number;
}

/** The members of the object that begins at `at`, of a text that is known to be JSON. */
function membersOf(text: string, at: number): Member[] {
  const members: Member[] = [];
  let gap = at + 1;
  for (;;) {
    let keyBegin = skipSpace(text, gap);
    if (text[keyBegin] === ',') keyBegin = skipSpace(text, keyBegin + 1);
    if (text[keyBegin] !== '"') return members;
    const keyEnd = endOfString(text, keyBegin);
    const begin = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, begin);
    members.push({ key: JSON.parse(text.slice(keyBegin, keyEnd)), gap, keyBegin, begin, end });
    gap = end;
  }
}

function skipSpace(text: string, at: number): number {
  while (' \t\n\r'.includes(text[at] ?? '.')) at++;
  return at;
}

function endOfString(text: string, at: number): number {
  for (let i = at + 1; ; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"' || i >= text.length) return i + 1;
  }
}

function endOfValue(text: string, at: number): number {
  if (text[at] === '"') return endOfString(text, at);
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const c = text[i]!;
    if (c === '"') i = endOfString(text, i) - 1;
    else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && /[\s,]/.test(c)) return i;
  }
  return text.length;
}

function checkDepth(text: string, where: string): void {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 0x22) i = endOfString(text, i) - 1;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > LIMITS.depth)
        throw new TruecastError(
          `${where} is JSON nested more than ${LIMITS.depth} deep`,
          'export the card again, or mend it by hand',
        );
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
}
