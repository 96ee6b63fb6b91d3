interface Join {
  pair: [string, string];
  /** Code points of each part. */
  letters: [number, number];
}

/**
 * The merges of a SentencePiece BPE model, whose file has scores instead: every way to join two pieces to a third, in
 * the order in which they are to be tried, by the joined piece's score, then by the longer first and second part.
 * @param ids by piece
 * @param scoreOf undefined for a piece that is never joined from others
 */
export function mergesOf(
  ids: ReadonlyMap<string, number>,
  scoreOf: (piece: string, id: number) => number | undefined,
): [string, string][] {
  const joined = [...ids].flatMap(([piece, id]) => {
    const score = scoreOf(piece, id);
    return score === undefined ? [] : [{ piece, score }];
  });
  joined.sort((a, b) => b.score - a.score);
  const merges: [string, string][] = [];
  for (let begin = 0, end = 0; begin < joined.length; begin = end) {
    const together: Join[] = [];
    const { score } = joined[begin]!;
    for (; end < joined.length && joined[end]!.score === score; end++)
      together.push(...joinsOf(joined[end]!.piece, ids));
    together.sort((a, b) => b.letters[0] - a.letters[0] || b.letters[1] - a.letters[1]);
    for (const { pair } of together) merges.push(pair);
  }
  return merges;
}

/** The pairs of pieces that make up `piece`, by their ids. */
function joinsOf(piece: string, ids: ReadonlyMap<string, number>): Join[] {
  const joins: Join[] = [];
  const total = lettersOf(piece);
  for (let cut = 1, letters = 1; cut < piece.length; cut++) {
    // a letter of two code units is not cut
    if (isSecondUnit(piece, cut)) continue;
    const first = piece.slice(0, cut);
    if (ids.has(first)) {
      const second = piece.slice(cut);
      if (ids.has(second)) joins.push({ pair: [first, second], letters: [letters, total - letters] });
    }
    letters++;
  }
  const order = ({ pair: [first, second] }: Join) => [ids.get(first)!, ids.get(second)!] as const;
  return joins.length < 2
    ? joins
    : joins.sort((a, b) => order(a)[0] - order(b)[0] || order(a)[1] - order(b)[1]);
}

const isSecondUnit = (text: string, at: number) => (text.charCodeAt(at) & 0xfc00) === 0xdc00;

function lettersOf(piece: string): number {
  let letters = 0;
  for (let i = 0; i < piece.length; i++) if (!isSecondUnit(piece, i)) letters++;
  return letters;
}
