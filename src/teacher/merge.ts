import { fingerprint, jaccard } from '../data/similarity.js';
import { normalise } from '../data/text.js';

/** A statement that says what an earlier one says. */
export interface Merge {
  kept: string;
  dropped: string;
  similarity: number;
}

/**
 * Leaves out statements that are written nearly as an earlier one is. Texts whose numbers or negations differ
 * are never taken for the same, however alike they look: "was born in 1912", "was born in 1921".
 */
export function mergeStatements(
  texts: readonly string[],
  threshold: number,
): { kept: string[]; merges: Merge[] } {
  const kept: { text: string; plain: string; marks: string; print: ReadonlySet<string> }[] = [];
  const merges: Merge[] = [];
  for (const text of texts) {
    const own = { text, plain: normalise(text), marks: marksOf(text), print: fingerprint(text) };
    const alike = (other: typeof own) => (other.plain === own.plain ? 1 : jaccard(other.print, own.print));
    const twin = kept.find(
      (other) => other.plain === own.plain || (other.marks === own.marks && alike(other) >= threshold),
    );
    if (twin === undefined) kept.push(own);
    else merges.push({ kept: twin.text, dropped: text, similarity: Math.round(alike(twin) * 1e3) / 1e3 });
  }
  return { kept: kept.map(({ text }) => text), merges };
}

const NEGATIONS: readonly RegExp[] = [
  /\b(?:not|no|never|none|nobody|nothing|neither|nor|without|cannot|unable|former|formerly)\b|n['’]t\b/gi,
  /[不没沒無无未非否莫别]/gu,
  /ない|なかっ|なく|ません|ずに|ぬ(?=[。、]|$)/gu,
];

/** The numbers and the negations of a text, which a letter or two may turn into another fact. */
function marksOf(text: string): string {
  const unified = text.normalize('NFKC');
  const numbers = unified.match(/\d+(?:[.,]\d+)*|[一二三四五六七八九十百千万亿億零〇两]+/gu) ?? [];
  const negations = NEGATIONS.map((pattern) => unified.match(pattern)?.length ?? 0);
  return JSON.stringify([numbers, negations]);
}
