import { TruecastError } from '../../../support/errors.js';

/** Bytes of a file in Protocol Buffers' wire format, and where they stand in it. */
export interface Message {
  bytes: Uint8Array;
  path: string;
  offset: number;
}

/** A field: its number, and a number (varints' lowest 32 bits, signed; or a 32-bit float) or bytes. */
export interface WireField {
  number: number;
  value: number | Message;
}

/** The fields of a message, in order. @throws TruecastError where they do not fill it exactly */
export function* readFields(message: Message): Generator<WireField> {
  const { bytes, path, offset } = message;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = (): number => {
    let low = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) damagedAt(message, at - 1, 'a number is cut off');
      if (shift < 32) low |= (byte & 0x7f) << shift;
      if (byte < 0x80) return low;
    }
    return damagedAt(message, at, 'a number has no end');
  };
  const take = (count: number): number => {
    if (count < 0 || count > bytes.length - at) {
      damagedAt(message, at, `a field claims ${count >>> 0} bytes, ${bytes.length - at} are left`);
    }
    at += count;
    return at - count;
  };
  while (at < bytes.length) {
    const begin = at;
    const tag = varint();
    const number = tag >>> 3;
    if (number === 0) damagedAt(message, begin, 'a field has the number 0');
    switch (tag & 7) {
      case 0:
        yield { number, value: varint() };
        break;
      case 1:
        take(8);
        break;
      case 2: {
        const length = varint();
        const from = take(length);
        yield { number, value: { bytes: bytes.subarray(from, at), path, offset: offset + from } };
        break;
      }
      case 5:
        yield { number, value: view.getFloat32(take(4), true) };
        break;
      default:
        damagedAt(message, begin, `a field has the wire type ${tag & 7}`);
    }
  }
}

export function damagedAt({ path, offset }: Message, at: number, problem: string): never {
  throw new TruecastError(
    `SentencePiece model cannot be read: ${path}: byte ${offset + at}: ${problem}`,
    'fetch it again from where it came',
  );
}
