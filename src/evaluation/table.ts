import { percent, signed, signedInterval } from '../support/numbers.js';
import type { MethodMetrics } from './metrics.js';

/** What DPO changed, by paired comparison over held-out queries. */
export interface DpoEffect {
  /** After − before. */
  delta: number;
  interval: [low: number, high: number];
  violationsPer100: number;
  violationsInterval: [low: number, high: number];
  /** Mean length after ÷ before. */
  lengthRatio: number;
}

export interface MethodResult {
  method: string;
  before: MethodMetrics;
  after?: MethodMetrics;
  effect?: DpoEffect;
}

const HEADER = [
  'method',
  'ΔAPC',
  'active',
  'passive',
  'violations / 100',
  'words',
  'distinct-2',
  'empty',
  'cut off',
];

/** The comparison as rows of text: a header, then a row per method without and with DPO. */
export function comparisonRows(results: readonly MethodResult[]): string[][] {
  const row = (name: string, m: MethodMetrics) => [
    name,
    m.delta.toFixed(3),
    m.active.toFixed(3),
    m.passive.toFixed(3),
    m.violationsPer100.toFixed(1),
    m.meanLength.toFixed(1),
    m.distinct2.toFixed(2),
    percent(m.empty),
    percent(m.unfinished),
  ];
  return [
    HEADER,
    ...results.flatMap(({ method, before, after }) => [
      row(method, before),
      ...(after ? [row(`${method} + DPO`, after)] : []),
    ]),
  ];
}

/** A sentence per method on what DPO did, plainly also where it did nothing or harm. */
export function effectSentences(results: readonly MethodResult[]): string[] {
  return results.flatMap(({ method, effect }) => {
    if (!effect) return [];
    const { delta, interval, violationsPer100, violationsInterval, lengthRatio } = effect;
    const verdict =
      interval[0] > 0
        ? 'DPO helped on held-out queries'
        : interval[1] < 0
          ? 'DPO did harm on held-out queries'
          : 'no effect of DPO on held-out queries is shown: the interval holds zero';
    return [
      `${method}: ${verdict}. ΔAPC ${signed(delta, 3)} (95 % interval ${signedInterval(interval, 3)}), ` +
        `violations per 100 replies ${signed(violationsPer100, 1)} (${signedInterval(violationsInterval, 1)}), ` +
        `length × ${lengthRatio.toFixed(2)}.`,
    ];
  });
}

export function markdownTable([header, ...rows]: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(header!), line(header!.map(() => '---')), ...rows.map(line)].join('\n');
}
