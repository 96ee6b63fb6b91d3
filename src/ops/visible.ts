import * as tf from '../backends/tf.js';

export interface Visibility {
  /** int32 [B, S], of the keys; the queries are the newest T of them. Negative: padding. */
  segments: tf.Tensor;
  /** int32 [B, S], read where there is a window */
  positions?: tf.Tensor;
  /** Keys that come later in the row are hidden. */
  causal?: boolean;
  /** Only keys whose position is less than this many before the query's own. */
  window?: number;
}

/** Where hidden keys' scores end up: far below any real one, and finite. */
const HIDDEN = -1e9;

/**
 * Which keys each of the newest T tokens sees. A segment is 3 · part + branch: parts of a row do not see each
 * other; branch 0 is what the other branches of its part share, and those see it and themselves.
 *
 * @returns mask [B, 1, T, S], added to scores: 0 to see; rows [B, T, 1, 1], 0 where a query sees nothing
 */
export function visible(T: number, { segments, positions, causal, window }: Visibility) {
  const [B, S] = segments.shape as [number, number];
  const ofKeys = (x: tf.Tensor) => x.reshape([B, 1, 1, S]);
  const ofQueries = (x: tf.Tensor) => x.slice([0, S - T], [B, T]).reshape([B, 1, T, 1]);
  const parts = tf.floorDiv(segments, tf.scalar(3, 'int32'));
  const shared = tf.equal(segments, tf.mul(parts, tf.scalar(3, 'int32')));
  const real = tf.greaterEqual(segments, tf.scalar(0, 'int32'));
  const conditions = [
    tf.equal(ofQueries(parts), ofKeys(parts)),
    tf.logicalOr(ofKeys(shared), tf.equal(ofQueries(segments), ofKeys(segments))),
    tf.logicalAnd(ofQueries(real), ofKeys(real)),
  ];
  if (causal) {
    const places = tf.range(0, S, 1, 'int32');
    conditions.push(tf.lessEqual(places.reshape([1, 1, 1, S]), places.slice(S - T, T).reshape([1, 1, T, 1])));
  }
  if (window !== undefined) {
    if (!positions) throw new Error('a window of attention needs positions');
    const distance = tf.sub(ofQueries(positions), ofKeys(positions));
    conditions.push(tf.less(distance, tf.scalar(window, 'int32')));
  }
  const sees = tf.cast(
    conditions.reduce((all, condition) => tf.logicalAnd(all, condition)),
    'float32',
  );
  return {
    mask: tf.mul(tf.sub(1, sees), HIDDEN),
    rows: tf.max(sees, -1).reshape([B, T, 1, 1]),
  };
}
