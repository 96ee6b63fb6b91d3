import { isMap, isNode, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { Problems } from './problems.js';

export type KeyPath = readonly PropertyKey[];

/** A parsed YAML document that remembers where each of its values stands. */
export interface LocatedYaml {
  file: string;
  value: unknown;
  /** `file:line` of a key or list item; of its nearest ancestor where it is missing. */
  place(path: KeyPath): string;
}

/** Parses one YAML document. Throws a TruecastError with every syntax error and its line. */
export function parseYaml(text: string, file: string): LocatedYaml {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const problems = new Problems();
  for (const { pos, message } of [...document.errors, ...document.warnings]) {
    problems.add(`${file}:${lines.linePos(pos[0]).line}`, message);
  }
  problems.throwIfAny(`not valid YAML: ${file}`, 'mend these lines; quote texts that hold ": " or "#"');

  const place = (path: KeyPath): string => {
    let node: unknown = document.contents;
    let offset = startOf(node) ?? 0;
    for (const part of path) {
      if (isMap(node)) {
        const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(part));
        if (pair === undefined) break;
        offset = startOf(pair.key) ?? offset;
        node = pair.value;
      } else if (isSeq(node)) {
        node = node.items[Number(part)];
        offset = startOf(node) ?? offset;
      } else break;
    }
    return `${file}:${lines.linePos(offset).line}`;
  };
  return { file, value: document.toJS(), place };
}

/** Checks a document's shape, adding every problem with its line and key path. */
export function checkShape(yaml: LocatedYaml, schema: z.ZodType, problems: Problems): void {
  const result = schema.safeParse(yaml.value);
  for (const issue of result.error?.issues ?? []) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) {
        const path = [...issue.path, key];
        problems.add(yaml.place(path), `unknown key ${keyName(path)}`);
      }
    } else if (issue.path.length === 0) {
      problems.add(yaml.place([]), inWords(issue.message));
    } else {
      problems.add(yaml.place(issue.path), `${keyName(issue.path)}: ${inWords(issue.message)}`);
    }
  }
}

/** zod's words for a key that is not there, or of the wrong type, as people say it. */
function inWords(message: string): string {
  const [, expected, received] = /^Invalid input: expected (.+), received (.+)$/.exec(message) ?? [];
  if (expected === undefined) return message;
  return received === 'undefined' ? `is missing (${expected})` : `is ${received}, expected ${expected}`;
}

/** `queries[3].entailed.text` */
export function keyName(path: KeyPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1);
}

function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}
