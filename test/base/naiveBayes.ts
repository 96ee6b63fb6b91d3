/** A text as a bag of words, with its label. */
export interface Row {
  label: string;
  words: readonly string[];
}

/** How often multinomial naive Bayes with add-one smoothing, learnt on `train`, is right on `test`. */
export function naiveBayesAccuracy(train: readonly Row[], test: readonly Row[]): number {
  const labels = [...new Set(train.map((row) => row.label))];
  const vocabulary = new Set(train.flatMap((row) => row.words));
  const counts = new Map(labels.map((label) => [label, new Map<string, number>()]));
  const totals = new Map(labels.map((label) => [label, 0]));
  for (const { label, words } of train) {
    const table = counts.get(label)!;
    for (const word of words) table.set(word, (table.get(word) ?? 0) + 1);
    totals.set(label, totals.get(label)! + words.length);
  }
  const score = (label: string, words: readonly string[]) => {
    const prior = Math.log(train.filter((row) => row.label === label).length);
    const table = counts.get(label)!;
    const total = totals.get(label)! + vocabulary.size;
    return words.reduce((sum, word) => sum + Math.log(((table.get(word) ?? 0) + 1) / total), prior);
  };
  const right = test.filter(({ label, words }) => {
    const scores = labels.map((candidate) => score(candidate, words));
    return labels[scores.indexOf(Math.max(...scores))] === label;
  });
  return right.length / test.length;
}
