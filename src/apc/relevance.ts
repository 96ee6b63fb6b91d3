import * as tf from '../backends/tf.js';
import type { Discriminator } from '../discriminators/discriminator.js';
import { type Progress, silent } from '../support/progress.js';
import { PAIRS_TOGETHER, partsBySize } from './parts.js';

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
    await Relevance.learn([{ relevance: this, queries }], this.progress);
    return tf.stack(queries.map((query) => this.known.get(query)!)) as tf.Tensor2D;
  }

  /**
   * Computes what is not known yet of several personas' queries, by the one discriminator of all of them, with as
   * few calls as memory allows.
   */
  static async learn(
    asked: readonly { relevance: Relevance; queries: readonly string[] }[],
    progress: Progress = silent,
  ): Promise<void> {
    const missing = asked.flatMap(({ relevance, queries }) =>
      [...new Set(queries)]
        .filter((query) => !relevance.known.has(query))
        .map((query) => ({ relevance, query, size: relevance.persona.statements.length })),
    );
    for (const part of partsBySize(missing, PAIRS_TOGETHER)) {
      const { discriminator } = part[0]!.relevance;
      const inputs = part.flatMap(({ relevance: { persona, discriminator: by }, query }) => {
        if (by !== discriminator) throw new Error('relevance by several discriminators cannot be batched');
        return persona.statements.map((statement) => ({ character: persona.name, statement, query }));
      });
      const probabilities = await discriminator.probabilities(inputs, progress, 'relevance');
      tf.tidy(() => {
        const relevant = probabilities.slice([0, 1], [-1, 1]).reshape([-1]);
        let begin = 0;
        for (const { relevance, query, size } of part) {
          // a query may be asked for twice, of one persona by two callers
          relevance.known.get(query)?.dispose();
          relevance.known.set(query, tf.keep(relevant.slice([begin], [size]) as tf.Tensor1D));
          begin += size;
        }
      });
      probabilities.dispose();
    }
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
