import { existsSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { Document, isSeq, type Scalar } from 'yaml';
import { TruecastError, UsageError } from '../../support/errors.js';
import { writeFileAtomic } from '../../support/files.js';
import { VERSION } from '../../support/version.js';
import { personaId } from '../persona.js';
import type { CardStatement } from './collector.js';
import type { CardPersona } from './statements.js';

/** Beside a persona made of a card: where each statement is from, and what became none. */
export const PROVENANCE_FORMAT = 'truecast.provenance/1';

/** A plain persona as YAML, each statement with the place that it is from, for people, in a comment. */
export function personaYaml(persona: CardPersona, from: string): string {
  const { name, language, statements, queries, leftOut } = persona;
  const document = new Document({
    name,
    language,
    statements: statements.map(({ text }) => text),
    ...(queries.length > 0 ? { queries } : {}),
  });
  document.commentBefore =
    ` Made of ${oneLine(basename(from))} by truecast ${VERSION}, by rules and without a model.\n` +
    ` ${leftOut.length} texts of the card became no statement; the provenance file lists them.`;
  const list = document.get('statements');
  if (isSeq(list)) {
    list.items.forEach((item, i) => {
      (item as Scalar).comment = ` ${oneLine(placeOf(statements[i]!))}`;
    });
  }
  return document.toString({ lineWidth: 0 });
}

/** The same for programs, as JSON: statements in the persona's order, then what was left out and why. */
export function provenanceJson(persona: CardPersona, from: string): string {
  const { statements, leftOut } = persona;
  const file = {
    format: PROVENANCE_FORMAT,
    truecast: VERSION,
    from: basename(from),
    method: 'rules',
    statements: statements.map(({ text, source }) => ({ text, ...source })),
    leftOut,
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Writes a persona that was made of the card `from` to `out`, a .yaml file, and its provenance beside it (mara.yaml,
 * mara.provenance.json); returns both paths. @throws TruecastError where one is there, unless `force`
 */
export function writePersona(persona: CardPersona, from: string, out: string, force = false): string[] {
  if (!['.yaml', '.yml'].includes(extname(out)))
    throw new UsageError(`a persona is a .yaml file, not ${out}`, 'give --out NAME.yaml');
  personaId(out);
  const provenance = `${out.slice(0, -extname(out).length)}.provenance.json`;
  const there = force ? undefined : [out, provenance].find((path) => existsSync(path));
  if (there !== undefined)
    throw new TruecastError(`${there} exists`, 'choose another name, or --force writes over it');
  writeFileAtomic(provenance, provenanceJson(persona, from));
  writeFileAtomic(out, personaYaml(persona, from));
  return [out, provenance];
}

function placeOf({ source: { field, line, lore } }: CardStatement): string {
  const keys = lore && lore.keys.length > 0 ? `, keys ${lore.keys.slice(0, 5).join(', ')}` : '';
  return `${field}:${line}${keys}`;
}

function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Surrogate}\s]+/gu, ' ').slice(0, 200);
}
