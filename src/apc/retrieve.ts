import * as tf from '../backends/tf.js';
import type { ApcScorer } from './score.js';

/** The indices of the k statements most relevant to each query, the most relevant first; found on the device. */
export async function retrieve(
  scorer: ApcScorer,
  queries: readonly string[],
  k: number,
): Promise<number[][]> {
  if (queries.length === 0) return [];
  const relevance = await scorer.relevanceOf(queries);
  const indices = tf.tidy(() =>
    tf.topk(relevance, Math.min(k, relevance.shape[1]), true).indices.arraySync(),
  );
  relevance.dispose();
  return indices as number[][];
}
