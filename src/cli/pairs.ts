import { UsageError } from '../support/errors.js';

/**
 * An option's pairs: `statement=persona_statement,query=user_utterance`, or a JSON object where a name holds a comma
 * or an equals sign; there a list gives several values to one name.
 */
export function pairsOf(option: string, text: string): [name: string, value: string][] {
  return text.trimStart().startsWith('{') ? fromJson(option, text) : fromList(option, text);
}

function fromList(option: string, text: string): [string, string][] {
  return text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new UsageError(`--${option}: ${JSON.stringify(pair)} is no pair`, 'give NAME=VALUE,…');
    return [pair.slice(0, at).trim(), pair.slice(at + 1).trim()];
  });
}

function fromJson(option: string, text: string): [string, string][] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new UsageError(`--${option} is not JSON`, 'give NAME=VALUE,…, or {"NAME": "VALUE", …}');
  }
  return Object.entries(document as object).flatMap(([name, values]) =>
    [values].flat().map((value): [string, string] => [name, String(value)]),
  );
}
