import type { Problems } from '../support/problems.js';
import type { KeyPath, LocatedYaml } from '../support/yaml.js';
import {
  type AuthoredQuery,
  type AuthoredResponse,
  type AuthoredStatement,
  querySchema,
  RESPONSE_KINDS,
  statementSchema,
} from './characterFormat.js';
import type { NliLabel } from './rows.js';
import { normalise } from './text.js';

/**
 * The checks that a shape can't express: ids and texts unique, references that exist, lists disjoint, and
 * the lists in accord with each response's label. Entries of a wrong shape are passed over here, so that
 * one slip doesn't hide the others.
 */
export function checkAnnotations(yaml: LocatedYaml, problems: Problems): void {
  const report = (path: KeyPath, what: string): void => problems.add(yaml.place(path), what);
  const document = yaml.value as { statements?: unknown; queries?: unknown };
  const rawStatements = asArray(document.statements);
  const statements = wellFormed<AuthoredStatement>(rawStatements, statementSchema);
  const queries = wellFormed<AuthoredQuery>(asArray(document.queries), querySchema);

  const seen = new Map<string, string>();
  const once = (scope: string, value: string, what: string, path: KeyPath): void => {
    const key = `${scope}\n${value}`;
    const before = seen.get(key);
    if (before === undefined) seen.set(key, yaml.place(path));
    else report(path, `${what} (first on ${before})`);
  };
  for (const [i, { id, text }] of statements) {
    once('statement id', id, `statement id ${id} is used twice`, ['statements', i, 'id']);
    once('statement', normalise(text), `statement ${id} repeats another one's text`, [
      'statements',
      i,
      'text',
    ]);
  }

  // A misshapen statement still counts as existing: its own problem is reported above.
  const known = new Set(rawStatements.map((item) => (item as { id?: unknown } | null)?.id));
  const list = (path: KeyPath, where: string, lists: Record<string, readonly string[]>): void => {
    const holder = new Map<string, string>();
    for (const [name, ids] of Object.entries(lists)) {
      ids.forEach((id, i) => {
        const at = [...path, name, i];
        if (!known.has(id)) report(at, `${where}: ${name} names ${id}, which is no statement`);
        const other = holder.get(id);
        if (other === name) report(at, `${where}: ${name} names ${id} twice`);
        else if (other !== undefined) report(at, `${where}: ${id} is in both ${other} and ${name}`);
        holder.set(id, name);
      });
    }
  };
  for (const [i, query] of queries) {
    const { id, text, active, borderline } = query;
    once('query id', id, `query id ${id} is used twice`, ['queries', i, 'id']);
    once('query', normalise(text), `query ${id} repeats another one's text`, ['queries', i, 'text']);
    list(['queries', i], id, { active, borderline });
    for (const label of RESPONSE_KINDS) {
      const { text, entails, contradicts, unsure } = query[label];
      const path = ['queries', i, label];
      const where = `${id} ${label}`;
      once('response', normalise(text), `${where} repeats another response's text`, [...path, 'text']);
      list(path, where, { entails, contradicts, unsure });
      for (const problem of labelProblems(label, query[label], active[0]!))
        report(path, `${where}: ${problem}`);
    }
  }
}

/** How a response's lists disagree with the label it was written for. */
function labelProblems(label: NliLabel, response: AuthoredResponse, target: string): string[] {
  const { entails, contradicts, unsure } = response;
  const problems: string[] = [];
  if (label === 'entailed' && !entails.includes(target)) {
    problems.push(`the target ${target} is not in entails`);
  }
  if (label === 'contradicted' && !contradicts.includes(target)) {
    problems.push(`the target ${target} is not in contradicts`);
  }
  if (label === 'neutral' && [...entails, ...contradicts, ...unsure].includes(target)) {
    problems.push(`the target ${target} is listed, but the response should be neutral to it`);
  }
  if (label !== 'contradicted' && contradicts.length > 0) {
    problems.push(`it contradicts ${contradicts.join(', ')}, but only a contradicted response may`);
  }
  return problems;
}

interface Shape {
  safeParse(value: unknown): { success: boolean; data?: unknown };
}

/** The entries of the right shape, with their positions. */
function wellFormed<T>(items: readonly unknown[], shape: Shape): [number, T][] {
  return items.flatMap((item, i): [number, T][] => {
    const result = shape.safeParse(item);
    return result.success ? [[i, result.data as T]] : [];
  });
}

function asArray(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
