/** What a card may take. Files of strangers: every size is checked against these before room is made for it. */
export const LIMITS = {
  /** A card's file, with its picture and assets. */
  file: 512 * 2 ** 20,
  /** The JSON of a card, and all JSON texts of a file together, in bytes of UTF-8. */
  json: 16 * 2 ** 20,
  allJson: 48 * 2 ** 20,
  /** Objects and lists within each other. */
  depth: 128,
  /** Chunks of a PNG, and those of them that hold a card. */
  chunks: 200_000,
  cardChunks: 16,
  /** Entries of a CHARX, and what they claim to unpack to, together. */
  entries: 10_000,
  unpacked: 4 * 2 ** 30,
  /** No deflated stream unpacks to more than 1032 times its size (RFC 1951: 258 bytes from 2 bits). */
  ratio: 1032,
} as const;
