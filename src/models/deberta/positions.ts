import { type DebertaConfig, maxRelativePositions, relativeSpan } from './config.js';

/**
 * A distance's logarithmic bucket: exact up to half the buckets, then ever coarser, the sign kept
 * (make_log_bucket_position in transformers, in float32 as there).
 */
export function logBucket(distance: number, buckets: number, maxPosition: number): number {
  const middle = Math.floor(buckets / 2);
  const magnitude = distance < middle && distance > -middle ? middle - 1 : Math.abs(distance);
  if (magnitude <= middle) return distance;
  const ratio = Math.fround(
    Math.fround(Math.log(Math.fround(magnitude / middle))) /
      Math.fround(Math.log((maxPosition - 1) / middle)),
  );
  return Math.sign(distance) * (Math.ceil(Math.fround(ratio * (middle - 1))) + middle);
}

export interface RelativeRows {
  /** The rows of the relative embeddings in use: only these are projected. */
  firstRow: number;
  rows: number;
  /**
   * [2T − 1]: the row, of those in use, for a query i and a key j, at i − j + T − 1. Content-to-position and
   * position-to-content read the same one: the second turns both the distance and the bucket's sign around.
   */
  byDistance: Int32Array;
}

/** Which relative embedding each distance of T positions reads. */
export function relativeRows(T: number, config: DebertaConfig): RelativeRows {
  const span = relativeSpan(config);
  const maxPosition = maxRelativePositions(config);
  const byDistance = Int32Array.from({ length: 2 * T - 1 }, (_, n) => {
    const distance = n - (T - 1);
    const bucket =
      config.position_buckets > 0 ? logBucket(distance, config.position_buckets, maxPosition) : distance;
    return Math.min(Math.max(bucket + span, 0), 2 * span - 1);
  });
  const firstRow = byDistance[0]!;
  const rows = byDistance[2 * T - 2]! - firstRow + 1;
  return { firstRow, rows, byDistance: byDistance.map((row) => row - firstRow) };
}
