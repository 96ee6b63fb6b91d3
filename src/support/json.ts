/** Stands before a number that is spelt otherwise than JavaScript would. */
const SPELT = '\u0000number:';
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

/**
 * Changes a JSON text and keeps how its numbers are spelt: 3.0 stays 3.0, where JavaScript alone would write 3, which
 * strict readers take for another type.
 */
export function editJson(text: string, edit: (value: Record<string, unknown>) => unknown): string {
  const marked = text.replace(TOKENS, (token) =>
    token.startsWith('"') || JSON.stringify(Number(token)) === token ? token : JSON.stringify(SPELT + token),
  );
  const written = JSON.stringify(edit(JSON.parse(marked)), null, 2);
  const mark = JSON.stringify(SPELT).slice(1, -1).replace(/\\/g, '\\\\');
  return written.replace(new RegExp(`"${mark}([^"]*)"`, 'g'), (_, number) => number);
}
