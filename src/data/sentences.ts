/** What a full stop ends without ending a sentence. */
const ABBREVIATIONS = new Set(
  'mr mrs ms dr prof st sr jr vs etc no vol fig inc ltd co gen col lt sgt capt rev hon e.g i.e cf ca c approx dept est'.split(
    ' ',
  ),
);

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
      if (marks === '.' && isAbbreviation(line.slice(Math.max(begin, match.index - 12), match.index)))
        continue;
    }
    sentences.push(line.slice(begin, end).trim());
    begin = end;
  }
  const rest = line.slice(begin).trim();
  if (rest !== '') sentences.push(rest);
  return sentences;
}

function isAbbreviation(before: string): boolean {
  const word = /([\p{L}.]+)$/u.exec(before)?.[1] ?? '';
  return ABBREVIATIONS.has(word.toLowerCase()) || /^\p{Lu}$/u.test(word);
}

/** Whether a text ends as sentences do. */
export function isEnded(text: string): boolean {
  return /[.!?…。！？]["'”’)\]」』）】*~]*$/u.test(text);
}
