/** What a full stop ends without ending a sentence. */
const ABBREVIATIONS = new Set(
  'mr mrs ms dr prof st sr jr vs etc inc ltd co gen col lt sgt capt rev hon e.g i.e cf ca c approx dept est'.split(
    ' ',
  ),
);

/** The same before a number alone: "No. 5", but "She said no." */
const BEFORE_NUMBERS = new Set(['no', 'nr', 'vol', 'fig', 'ver']);

/** A mark that may end a sentence, with the quotes and brackets that close after it. */
const END = /([.!?…]+|[。！？]+)(["'”’)\]」』）】]*)/gu;

/** The sentences of a text, white space made single. A full stop after an abbreviation or initial ends none. */
export function sentencesOf(text: string): string[] {
  const line = text.replace(/\s+/g, ' ').trim();
  const sentences: string[] = [];
  let begin = 0;
  for (const match of line.matchAll(END)) {
    const end = match.index + match[0].length;
    const marks = match[1]!;
    if (!/[。！？]/.test(marks)) {
      if (end < line.length && line[end] !== ' ') continue;
      if (/^[\p{Ll},;:]/u.test(line.slice(end + 1, end + 3))) continue;
      const before = line.slice(Math.max(begin, match.index - 12), match.index);
      if (marks === '.' && isAbbreviation(before, /^ \d/.test(line.slice(end, end + 2)))) continue;
    }
    sentences.push(line.slice(begin, end).trim());
    begin = end;
  }
  const rest = line.slice(begin).trim();
  if (rest !== '') sentences.push(rest);
  return sentences;
}

function isAbbreviation(before: string, number: boolean): boolean {
  const word = /([\p{L}.]+)$/u.exec(before)?.[1] ?? '';
  const lower = word.toLowerCase();
  return ABBREVIATIONS.has(lower) || (number && BEFORE_NUMBERS.has(lower)) || /^(?!I$)\p{Lu}$/u.test(word);
}

/** Whether a text ends as sentences do. */
export function isEnded(text: string): boolean {
  return /[.!?…。！？]["'”’)\]」』）】*~]*$/u.test(text);
}
