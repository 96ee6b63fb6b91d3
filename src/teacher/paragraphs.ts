/** A document's paragraphs: split at blank lines, without those that hold no letter or digit. */
export function paragraphsOf(document: string, longest: number): string[] {
  return document
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .split(/\n[^\S\n]*(?:\n[^\S\n]*)+/)
    .map((paragraph) => paragraph.trim())
    .filter((paragraph) => /[\p{L}\p{N}]/u.test(paragraph))
    .flatMap((paragraph) => pieces(paragraph, longest));
}

/** A sentence with what ends it: a mark and perhaps a closing quote; in spaced scripts a space follows. */
const SENTENCE =
  /[^.!?。．！？…\n]*(?:[.!?…]+["'”’)\]]*(?=\s|$)\s*|[。．！？]+[」』”’）]*\s*|\n|[.!?…]+|$)/gu;

/** A paragraph that is too long, cut between sentences; a sentence that is too long, between words. */
function pieces(paragraph: string, longest: number): string[] {
  if (paragraph.length <= longest) return [paragraph];
  const parts: string[] = [];
  let part = '';
  for (const sentence of paragraph.match(SENTENCE)!.flatMap((text) => cut(text, longest))) {
    if (part !== '' && part.length + sentence.trimEnd().length > longest) {
      parts.push(part.trim());
      part = '';
    }
    part += sentence;
  }
  return [...parts, part.trim()].filter((text) => text !== '');
}

function cut(text: string, longest: number): string[] {
  const parts: string[] = [];
  let rest = text;
  while (rest.length > longest) {
    const space = rest.lastIndexOf(' ', longest - 1);
    let end = space > longest / 2 ? space + 1 : longest;
    // not between the halves of a character
    if (/[\uD800-\uDBFF]/.test(rest[end - 1]!)) end--;
    parts.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  return [...parts, rest];
}
