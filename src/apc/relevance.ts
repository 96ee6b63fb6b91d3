import * as tf from '../backends/tf.js';
import type { Discriminator } from '../discriminators/discriminator.js';
import { type Progress, silent } from '../support/progress.js';

/** Who is spoken to: the statements are the persona. */
export interface Persona {
  name: string;
  statements: readonly string[];
}

/**
 * P_g(s, q), the probability that statement s is relevant to query q, of one persona. Computed once per
 * statement and query, and shared by retrieval, scoring and all responses.
 */
export class Relevance {
  /** [S] per query, on the device. */
  private readonly known = new Map<string, tf.Tensor1D>();

  constructor(
    readonly persona: Persona,
    readonly discriminator: Discriminator,
    private readonly progress: Progress = silent,
  ) {}

  /** P_g [Q, S] of the queries, on the device; the caller disposes it. */
  async of(queries: readonly string[]): Promise<tf.Tensor2D> {
    const missing = [...new Set(queries)].filter((query) => !this.known.has(query));
    const S = this.persona.statements.length;
    if (missing.length > 0) {
      const inputs = missing.flatMap((query) =>
        this.persona.statements.map((statement) => ({ character: this.persona.name, statement, query })),
      );
      const probabilities = await this.discriminator.probabilities(inputs, this.progress, 'relevance');
      const rows = tf.tidy(() =>
        tf.unstack(probabilities.slice([0, 1], [-1, 1]).reshape([missing.length, S])),
      );
      probabilities.dispose();
      missing.forEach((query, i) => {
        this.known.set(query, rows[i] as tf.Tensor1D);
      });
    }
    return tf.stack(queries.map((query) => this.known.get(query)!)) as tf.Tensor2D;
  }

  /** The indices of the k statements most relevant to each query, the most relevant first; found on the device. */
  async top(queries: readonly string[], k: number): Promise<number[][]> {
    if (queries.length === 0) return [];
    const relevance = await this.of(queries);
    const indices = tf.tidy(() =>
      tf.topk(relevance, Math.min(k, relevance.shape[1]), true).indices.arraySync(),
    );
    relevance.dispose();
    return indices as number[][];
  }

  /** Disposes the discriminator too. */
  dispose(): void {
    for (const tensor of this.known.values()) tensor.dispose();
    this.known.clear();
    this.discriminator.dispose();
  }
}
