import * as tf from '../backends/tf.js';
import type { Discriminator } from '../discriminators/discriminator.js';
import { type Progress, silent } from '../support/progress.js';
import { Relevance } from './relevance.js';

export interface ScoredItem {
  query: string;
  response: string;
}

/**
 * A response's Active-Passive-Constraint score. With P_g(s, q) the probability that statement s is relevant
 * to the query and P_h the three of natural-language inference:
 *   APC = Σ_s P_g·P_h(entailed) + (1 − P_g)·(1 − P_h(contradicted))
 *   ΔAPC = APC − Σ_s (1 − P_g) = Σ_s P_g·P_h(entailed) − Σ_s (1 − P_g)·P_h(contradicted)
 * (Peng & Shang 2024, arXiv 2405.07726): ΔAPC is what a response earns over one that is neutral to all.
 */
export interface ApcScore {
  apc: number;
  /** active − passive */
  delta: number;
  /** Σ P_g·P_h(entailed): what it says of what was asked. */
  active: number;
  /** Σ (1 − P_g)·P_h(contradicted): what it says against the rest of the persona. */
  passive: number;
}

/** What one statement did to a score. */
export interface LedgerEntry {
  statement: string;
  /** P_g */
  relevance: number;
  contradicted: number;
  neutral: number;
  entailed: number;
  /** Its term of ΔAPC. */
  contribution: number;
  /** Contradicted more likely than not. */
  violated: boolean;
}

export interface ScoredResponse extends ScoredItem, ApcScore {
  /** Statements that are contradicted more likely than not. */
  violations: number;
  ledger: LedgerEntry[];
}

/** Scores responses to one persona. */
export class ApcScorer {
  constructor(
    readonly relevance: Relevance,
    readonly nli: Discriminator,
    private readonly progress: Progress = silent,
  ) {}

  /** The scores of responses, with their ledgers. Nothing is copied from the device before the sums. */
  score(items: readonly ScoredItem[]): Promise<ScoredResponse[]> {
    return scoreTogether(
      items.map((item) => ({ scorer: this, item })),
      this.progress,
    );
  }

  /** Disposes the discriminators too. */
  dispose(): void {
    this.relevance.dispose();
    this.nli.dispose();
  }
}

/**
 * The scores of responses to one or several personas, in the order given, their statements batched together. The
 * scorers share their discriminators.
 */
export async function scoreTogether(
  asked: readonly { scorer: ApcScorer; item: ScoredItem }[],
  progress: Progress = silent,
): Promise<ScoredResponse[]> {
  if (asked.length === 0) return [];
  const groups = new Map<ApcScorer, number[]>();
  asked.forEach(({ scorer }, i) => {
    const group = groups.get(scorer);
    if (group) group.push(i);
    else groups.set(scorer, [i]);
  });
  const parts = [...groups].map(([scorer, places]) => ({
    scorer,
    places,
    queries: places.map((i) => asked[i]!.item.query),
  }));
  await Relevance.learn(
    parts.map(({ scorer, queries }) => ({ relevance: scorer.relevance, queries })),
    progress,
  );
  const { nli } = asked[0]!.scorer;
  const inputs = parts.flatMap(({ scorer, places }) => {
    if (scorer.nli !== nli) throw new Error('scores by several discriminators cannot be batched');
    const { name, statements } = scorer.relevance.persona;
    return places.flatMap((i) =>
      statements.map((statement) => ({
        character: name,
        statement,
        query: asked[i]!.item.query,
        response: asked[i]!.item.response,
      })),
    );
  });
  const probabilities = await nli.probabilities(inputs, progress, 'entailment');
  const scored: ScoredResponse[] = [];
  let begin = 0;
  for (const { scorer, places, queries } of parts) {
    const { statements } = scorer.relevance.persona;
    const shape: [number, number, number] = [places.length, statements.length, 3];
    const relevance = await scorer.relevance.of(queries);
    const terms = tf.tidy(
      () => probabilities.slice([begin, 0], [shape[0] * shape[1], 3]).reshape(shape) as tf.Tensor3D,
    );
    const sums = apcSums(relevance, terms);
    const numbers = [sums.arraySync(), terms.arraySync(), relevance.arraySync()] as const;
    tf.dispose([sums, terms, relevance]);
    begin += shape[0] * shape[1];
    places.forEach((place, i) => {
      const [apc, active, passive] = numbers[0][i] as [number, number, number];
      const ledger = statements.map((statement, s) =>
        ledgerEntry(statement, numbers[2][i]![s]!, numbers[1][i]![s]!),
      );
      const violations = ledger.filter((entry) => entry.violated).length;
      const { query, response } = asked[place]!.item;
      scored[place] = {
        ...{ query, response, apc, delta: active - passive, active, passive },
        ...{ violations, ledger },
      };
    });
  }
  probabilities.dispose();
  return scored;
}

/**
 * [N, 3] of APC, its active part and its passive part, from P_g [N, S] and P_h [N, S, 3] in the order
 * contradicted, neutral, entailed.
 */
export function apcSums(relevance: tf.Tensor2D, nli: tf.Tensor3D): tf.Tensor2D {
  return tf.tidy(() => {
    const [contradicted, , entailed] = tf.unstack(nli, 2) as [tf.Tensor2D, tf.Tensor2D, tf.Tensor2D];
    const irrelevance = tf.sub(1, relevance);
    const active = tf.sum(tf.mul(relevance, entailed), 1);
    const passive = tf.sum(tf.mul(irrelevance, contradicted), 1);
    const apc = tf.add(active, tf.sum(tf.mul(irrelevance, tf.sub(1, contradicted)), 1));
    return tf.stack([apc, active, passive], 1) as tf.Tensor2D;
  });
}

function ledgerEntry(statement: string, relevance: number, nli: number[]): LedgerEntry {
  const [contradicted, neutral, entailed] = nli as [number, number, number];
  const contribution = relevance * entailed - (1 - relevance) * contradicted;
  return {
    statement,
    relevance,
    contradicted,
    neutral,
    entailed,
    contribution,
    violated: contradicted > 0.5,
  };
}
