/**
 * A tokenizer.json with the scores of its unigram model as Hugging Face's tokenizers read them from a file: their
 * parser (serde_json's default) divides the digits by a power of ten and so may miss the nearest double by its last
 * bit. That decides between cuts that are as likely, as of a long run of dashes.
 */
export function withScoresAsRead(json: unknown): unknown {
  const { model } = (json ?? {}) as { model?: { vocab?: unknown } | null };
  if (!Array.isArray(model?.vocab)) return json;
  const vocab = model.vocab.map((entry: unknown) => {
    if (!Array.isArray(entry) || typeof entry[1] !== 'number') return entry;
    return [entry[0] as unknown, asRead(entry[1]), ...(entry.slice(2) as unknown[])];
  });
  return { ...(json as object), model: { ...model, vocab } };
}

/** Files hold the shortest digits that make a double, which are also what JavaScript writes. */
function asRead(score: number): number {
  const parts = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(String(score));
  if (!parts) return score;
  const [, sign, whole, fraction = '', exponent = '0'] = parts;
  const power = Number(exponent) - fraction.length;
  const digits = Number(whole + fraction);
  const value = power < 0 ? digits / Number(`1e${-power}`) : digits * Number(`1e${power}`);
  return sign ? -value : value;
}
