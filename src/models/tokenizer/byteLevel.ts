/**
 * A character for each byte, as byte-level BPE spells them: printable Latin-1 for itself, the others from 256 on.
 */
const CHARACTERS: readonly string[] = (() => {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++));
})();
const BYTES = new Map(CHARACTERS.map((character, byte) => [character, byte]));

/** A text's UTF-8, a character per byte. */
export function byteCharacters(text: string): string {
  let result = '';
  for (const byte of Buffer.from(text)) result += CHARACTERS[byte];
  return result;
}

/** The text of tokens whose characters are bytes; a token with another character stands for itself. */
export function byteText(tokens: readonly string[]): string {
  const parts = tokens.map((token) => {
    const bytes = Array.from(token, (character) => BYTES.get(character));
    return bytes.includes(undefined) ? Buffer.from(token) : Buffer.from(bytes as number[]);
  });
  return Buffer.concat(parts).toString('utf8');
}
