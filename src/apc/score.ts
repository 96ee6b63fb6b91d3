import * as tf from '../backends/tf.js';
import type { Discriminator } from '../discriminators/discriminator.js';
import { type Progress, silent } from '../support/progress.js';
import type { Relevance } from './relevance.js';

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
  async score(items: readonly ScoredItem[]): Promise<ScoredResponse[]> {
    if (items.length === 0) return [];
    const { statements, name } = this.relevance.persona;
    const S = statements.length;
    const relevance = await this.relevance.of(items.map(({ query }) => query));
    const inputs = items.flatMap(({ query, response }) =>
      statements.map((statement) => ({ character: name, statement, query, response })),
    );
    const nli = await this.nli.probabilities(inputs, this.progress, 'entailment');
    const result = tf.tidy(() => {
      const terms = nli.reshape([items.length, S, 3]) as tf.Tensor3D;
      return { sums: apcSums(relevance, terms), terms, relevance };
    });
    const sums = result.sums.arraySync() as number[][];
    const terms = result.terms.arraySync() as number[][][];
    const weights = relevance.arraySync() as number[][];
    tf.dispose([result, nli, relevance]);
    return items.map((item, i) => {
      const [apc, active, passive] = sums[i] as [number, number, number];
      const ledger = statements.map((statement, s) => ledgerEntry(statement, weights[i]![s]!, terms[i]![s]!));
      const violations = ledger.filter((entry) => entry.violated).length;
      return { ...item, apc, delta: active - passive, active, passive, violations, ledger };
    });
  }

  /** Disposes the discriminators too. */
  dispose(): void {
    this.relevance.dispose();
    this.nli.dispose();
  }
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
