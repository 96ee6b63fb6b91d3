import type { ApcScore, ScoredItem } from './score.js';

type Sample = ScoredItem & Pick<ApcScore, 'apc' | 'delta'>;

export interface PreferencePair {
  query: string;
  chosen: string;
  rejected: string;
  chosenScore: number;
  rejectedScore: number;
}

/**
 * Preference pairs from scored samples: of each query's distinct responses the best against the worst, kept
 * where their ΔAPC differ by more than `margin`. (ΔAPC and APC differ by a constant per query.)
 */
export function preferencePairs(samples: readonly Sample[], margin: number): PreferencePair[] {
  const byQuery = new Map<string, Sample[]>();
  for (const sample of samples) {
    const group = byQuery.get(sample.query);
    if (group) group.push(sample);
    else byQuery.set(sample.query, [sample]);
  }
  const pairs: PreferencePair[] = [];
  for (const [query, group] of byQuery) {
    // an empty response can be neither praised nor compared
    const usable = group.filter(({ response }) => response.trim() !== '');
    if (usable.length < 2) continue;
    const best = usable.reduce((a, b) => (b.delta > a.delta ? b : a));
    const worst = usable.reduce((a, b) => (b.delta < a.delta ? b : a));
    if (best.response === worst.response || best.delta - worst.delta <= margin) continue;
    pairs.push({
      query,
      chosen: best.response,
      rejected: worst.response,
      chosenScore: best.apc,
      rejectedScore: worst.apc,
    });
  }
  return pairs;
}
