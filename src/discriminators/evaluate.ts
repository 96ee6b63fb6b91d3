import type { Progress } from '../support/progress.js';
import type { Discriminator } from './discriminator.js';
import type { LabelledInput } from './train.js';

export interface ClassifierReport {
  rows: number;
  accuracy: number;
  /** 95 % Wilson interval of the accuracy. */
  interval: [low: number, high: number];
  /** The share of the most frequent class: what answering always the same would reach. */
  majority: number;
  /** confusion[true][predicted] */
  confusion: number[][];
  /** Per class. */
  precision: number[];
  recall: number[];
}

/** How well a discriminator does on labelled rows. */
export async function evaluateDiscriminator(
  discriminator: Discriminator,
  rows: readonly LabelledInput[],
  progress: Progress,
): Promise<ClassifierReport> {
  const classes = discriminator.model.labels;
  const probabilities = await discriminator.probabilities(rows, progress, 'evaluating');
  const predicted = probabilities.argMax(1);
  const classesOf = predicted.dataSync();
  probabilities.dispose();
  predicted.dispose();
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  rows.forEach(({ label }, i) => {
    confusion[label]![classesOf[i]!]!++;
  });
  const totals = confusion.map((row) => row.reduce((a, b) => a + b, 0));
  const guessed = confusion.map((_, c) => confusion.reduce((sum, row) => sum + row[c]!, 0));
  const right = confusion.reduce((sum, row, c) => sum + row[c]!, 0);
  return {
    rows: rows.length,
    accuracy: right / rows.length,
    interval: wilson(right, rows.length),
    majority: Math.max(...totals) / rows.length,
    confusion,
    precision: confusion.map((row, c) => row[c]! / Math.max(1, guessed[c]!)),
    recall: confusion.map((row, c) => row[c]! / Math.max(1, totals[c]!)),
  };
}

/** Wilson's 95 % interval of a proportion (Wilson 1927). */
export function wilson(successes: number, n: number): [number, number] {
  if (n === 0) return [0, 1];
  const z = 1.959963984540054;
  const p = successes / n;
  const centre = p + (z * z) / (2 * n);
  const half = z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n));
  const scale = 1 + (z * z) / n;
  return [(centre - half) / scale, (centre + half) / scale];
}
