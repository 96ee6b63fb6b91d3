import { integerAt, randomKey } from '../../src/support/random.js';

const TELLING = [0, 1, 0x7f, 0x80, 0xff];

/** A damaged copy: cut, or with bytes changed, repeated, moved or taken out; the seed says how. */
export function mutated(bytes: Buffer, seed: number): Buffer {
  const key = randomKey('mutated', seed);
  let draws = 0;
  const below = (n: number) => integerAt(key, draws++, n);
  let result = Buffer.from(bytes);
  const changes = 1 + below(3);
  for (let change = 0; change < changes && result.length > 0; change++) {
    const at = below(result.length);
    const length = 1 + below(Math.min(8, result.length - at));
    switch (below(7)) {
      case 0:
        result[at]! ^= 1 << below(8);
        break;
      case 1:
        result[at] = below(256);
        break;
      case 2:
        result.fill(TELLING[below(TELLING.length)]!, at, at + length);
        break;
      case 3:
        result = result.subarray(0, at);
        break;
      case 4:
        result = Buffer.concat([result.subarray(0, at), result.subarray(at + length)]);
        break;
      case 5:
        result = Buffer.concat([result.subarray(0, at + length), result.subarray(at)]);
        break;
      default: {
        const from = below(result.length);
        const piece = Buffer.from(result.subarray(from, from + length));
        result = Buffer.concat([result.subarray(0, at), piece, result.subarray(at + piece.length)]);
      }
    }
  }
  return result;
}
