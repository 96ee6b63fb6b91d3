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

export interface RelativeIndices {
  /** The rows of the relative embeddings in use: only these are projected. */
  firstRow: number;
  rows: number;
  /** [T · T], see disentangledAttention */
  contentToPosition: Int32Array;
  positionToContent: Int32Array;
}

/** Which relative embedding each pair of T positions reads. */
export function relativeIndices(T: number, config: DebertaConfig): RelativeIndices {
  const span = relativeSpan(config);
  const maxPosition = maxRelativePositions(config);
  const bucketOf = (distance: number) =>
    config.position_buckets > 0 ? logBucket(distance, config.position_buckets, maxPosition) : distance;
  const clampRow = (row: number) => Math.min(Math.max(row, 0), 2 * span - 1);
  const c2pRow = (distance: number) => clampRow(bucketOf(distance) + span);
  const p2cRow = (distance: number) => clampRow(-bucketOf(distance) + span);
  const ends = [c2pRow(1 - T), c2pRow(T - 1), p2cRow(1 - T), p2cRow(T - 1)];
  const firstRow = Math.min(...ends);
  const rows = Math.max(...ends) - firstRow + 1;
  const contentToPosition = new Int32Array(T * T);
  const positionToContent = new Int32Array(T * T);
  for (let i = 0; i < T; i++) {
    for (let j = 0; j < T; j++) {
      contentToPosition[i * T + j] = i * rows + c2pRow(i - j) - firstRow;
      positionToContent[i * T + j] = i * rows + p2cRow(i - j) - firstRow;
    }
  }
  return { firstRow, rows, contentToPosition, positionToContent };
}
