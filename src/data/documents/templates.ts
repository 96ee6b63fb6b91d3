import { TruecastError } from '../../support/errors.js';

/** Stands before each line of an infobox, in place of the template: no text has it. */
export const INFOBOX = '\uE010';

/** Templates, or links, within each other. */
export const DEEPEST = 60;

/** Templates whose text is one of their arguments (from 1), by name. */
const ARGUMENT: Record<string, number> = {
  lang: 2,
  'lang-zh': 1,
  'lang-ja': 1,
  transl: -1,
  transliteration: -1,
  nihongo: 1,
  nihongo2: 1,
  ruby: 1,
  'ruby-ja': 1,
  nowrap: 1,
  nobr: 1,
  small: 1,
  big: 1,
  abbr: 1,
  tooltip: 1,
  noitalic: 1,
  'not a typo': 1,
  sic: 1,
  marriage: 1,
  link: 1,
  ill: 1,
  'interlanguage link': 1,
  le: 1,
  'link-en': 1,
  仮リンク: 1,
  tsl: 3,
  'non-free': 1,
};
const LISTS = /^(ubl|unbulleted list|plainlist|plain list|hlist|flatlist|flat list|cslist|collapsible list)$/;
const DATES = /^(birth|death|start|end|film|release)[ -]?(date|year)|^(bda|dda)$|^(出生日期|生年月日|没年齢)/;

/**
 * Templates in wikitext replaced by their text: infoboxes by lines `key: value` (each after INFOBOX), quoted or
 * foreign words by themselves, dates and measures by theirs, all others by nothing, counted by name.
 * @throws TruecastError where they are nested too deeply
 */
export function expandTemplates(
  source: string,
  where: string,
): { text: string; dropped: Map<string, number> } {
  const dropped = new Map<string, number>();
  const open: string[] = [];
  let text = '';
  let at = 0;
  for (const match of source.matchAll(/\{\{|\}\}/g)) {
    text += source.slice(at, match.index);
    at = match.index + 2;
    if (match[0] === '{{') {
      if (open.length >= DEEPEST)
        throw new TruecastError(
          `${where}: templates nested more than ${DEEPEST} deep`,
          'save the page as text',
        );
      open.push(text);
      text = '';
    } else {
      const outer = open.pop();
      text = outer === undefined ? `${text}}}` : outer + expanded(text, dropped);
    }
  }
  text += source.slice(at);
  for (const outer of open.reverse()) text = `${outer}{{${text}`;
  return { text, dropped };
}

function expanded(inner: string, dropped: Map<string, number>): string {
  const [title = '', ...parts] = argumentsOf(inner);
  const name = title.trim().toLowerCase().replace(/_/g, ' ');
  const named: [key: string, value: string][] = [];
  const listed: string[] = [];
  for (const part of parts) {
    const [, key, value] = /^([^=[\]{}<>"]{1,80}?)\s*=([\s\S]*)$/.exec(part.trim()) ?? [];
    if (key === undefined) listed.push(part.trim());
    else if (/^\d+$/.test(key))
      listed[Number(key) - 1 > 100 ? listed.length : Number(key) - 1] = value!.trim();
    else named.push([key, value!.trim()]);
  }
  const breaks = '\n'.repeat(inner.split('\n').length - 1);
  const args = listed.map((text) => text ?? '');
  const found = plainText(name, args, named);
  if (found !== undefined) return lined(found, ' ') + breaks;
  if (isInfobox(name, named.length, inner)) return infoboxLines(inner, named);
  dropped.set(title.trim().slice(0, 60), (dropped.get(title.trim().slice(0, 60)) ?? 0) + 1);
  return breaks;
}

function plainText(name: string, args: string[], named: [string, string][]): string | undefined {
  const argument = Object.hasOwn(ARGUMENT, name) ? ARGUMENT[name] : undefined;
  if (argument !== undefined) return args.at(argument < 0 ? argument : argument - 1) ?? '';
  if (/^lang-[a-z]{2,3}$/.test(name)) return args[0] ?? '';
  if (LISTS.test(name)) {
    const items = args
      .flatMap((item) => item.split('\n'))
      .map((item) => item.replace(/^\s*[*#]+\s*/, '').trim());
    return items.filter((item) => item !== '').join('; ');
  }
  if (DATES.test(name)) {
    const numbers = args.filter((arg) => /^\d{1,4}$/.test(arg)).slice(0, 3);
    return numbers.length > 0 ? numbers.join('-') : (args[0] ?? named[0]?.[1] ?? '');
  }
  if (name === 'convert' || name === 'cvt') return args.slice(0, 2).join(' ');
  if (name === 'circa' || name === 'c.') return `c. ${args[0] ?? ''}`.trim();
  if (name === '!') return '|';
  if (name === '=' || name === "'") return name;
  return undefined;
}

function isInfobox(name: string, keys: number, inner: string): boolean {
  if (/infobox|^taxobox|信息框|^基礎情報|人物$|^艺人|^藝人|资料$|情報$/.test(name)) return keys > 0;
  // a template of many keys on lines of their own is one by another name; citations are not
  return (
    keys >= 4 && inner.split('\n').length > keys && !/^(cite|citation|sfn|harv|quote|navbox|efn)/.test(name)
  );
}

/** A line for each key, on as many lines as the template had at least. */
function infoboxLines(inner: string, named: [string, string][]): string {
  const lines = named
    .map(([key, value]) => [key.replace(/_/g, ' '), lined(value, '; ')])
    .filter(([key, value]) => /[\p{L}\p{N}]/u.test(value!) && !isPicture(key!, value!))
    .map(([key, value]) => `${INFOBOX}${key}: ${value}`);
  const missing = inner.split('\n').length - Math.max(1, lines.length);
  return `${lines.join('\n')}${'\n'.repeat(Math.max(1, missing))}`;
}

/** The lines of a value in one, without the marks of lists. */
function lined(value: string, between: string): string {
  const lines = value.split('\n').map((line) => line.replace(/^[\s*]+/, '').trim());
  return lines.filter((line) => line !== '').join(between);
}

function isPicture(key: string, value: string): boolean {
  return (
    /^(image|img|photo|logo|caption|alt|picture|图像|圖像|画像|图片|圖片)\s?(\d|size|width|upright|alt|caption)?/i.test(
      key,
    ) || /^\S+\.(jpe?g|png|gif|svg|webp)$/i.test(value)
  );
}

/** The parts between bars that are not within a link; templates within are expanded by now. */
function argumentsOf(inner: string): string[] {
  const parts: string[] = [];
  let begin = 0;
  let links = 0;
  for (let i = 0; i < inner.length; i++) {
    const c = inner[i];
    if (c === '[' && inner[i + 1] === '[') {
      links++;
      i++;
    } else if (c === ']' && inner[i + 1] === ']') {
      links = Math.max(0, links - 1);
      i++;
    } else if (c === '|' && links === 0) {
      parts.push(inner.slice(begin, i));
      begin = i + 1;
    }
  }
  parts.push(inner.slice(begin));
  return parts;
}
