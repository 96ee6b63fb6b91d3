import { createHash } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TruecastError } from '../support/errors.js';
import { readText } from '../support/files.js';
import { Problems } from '../support/problems.js';
import { PACKAGE_ROOT } from '../support/version.js';
import { checkShape, parseYaml } from '../support/yaml.js';
import { STAGE_VARIABLES } from './stages/variables.js';
import { STAGES, type Stage, type TeacherRequest } from './teacher.js';

/** The prompts that come along: `LANGUAGE/STAGE.md`. */
export const PROMPTS_ROOT = join(PACKAGE_ROOT, 'prompts');

export interface Prompt {
  stage: Stage;
  language: string;
  /** As the file says, and the beginning of its text's SHA-256: a changed text is another version. */
  version: string;
  /** Where it is from. */
  source: 'shipped' | 'own';
  fill(variables: Readonly<Record<string, string | number>>): TeacherRequest['messages'];
}

export type Prompts = Readonly<Record<Stage, Prompt>>;

/**
 * The prompts of a language. A file of the user's own folder replaces the one that comes along.
 * @throws TruecastError with every problem of every file, or where a language has no prompts
 */
export function loadPrompts(language: string, own?: string): Prompts {
  if (own !== undefined) refuseStrangers(join(own, language), own);
  const problems = new Problems();
  const prompts: Partial<Record<Stage, Prompt>> = {};
  for (const stage of STAGES) {
    const name = join(language, `${stage}.md`);
    const mine = own === undefined ? undefined : join(own, name);
    const source = mine !== undefined && existsSync(mine) ? 'own' : 'shipped';
    const path = source === 'own' ? mine! : join(PROMPTS_ROOT, name);
    if (!existsSync(path)) {
      const known = existsSync(PROMPTS_ROOT) ? readdirSync(PROMPTS_ROOT).sort().join(', ') : '';
      throw new TruecastError(
        `no prompt for the stage ${stage} in the language ${language}`,
        `use one of ${known}, or write ${mine ?? `DIR/${name} and name DIR in the configuration (prompts)`}`,
      );
    }
    prompts[stage] = parsePrompt(readText(path, 'prompt'), path, { stage, language, source }, problems);
  }
  problems.throwIfAny('prompts that cannot be used', 'see those in prompts/, which docs/prompts.md explains');
  return prompts as Prompts;
}

/** A misspelt name would leave the shipped prompt in its place, unnoticed. */
function refuseStrangers(folder: string, own: string): void {
  if (!existsSync(own)) throw new TruecastError(`folder of prompts not found: ${own}`, 'check the path');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  const strange = names.filter((name) => !STAGES.some((stage) => name === `${stage}.md`));
  if (strange.length > 0) {
    throw new TruecastError(
      `${folder}: no stage is called ${strange.join(', ')}`,
      `name prompts after their stages: ${STAGES.map((stage) => `${stage}.md`).join(', ')}`,
    );
  }
}

const front = z.strictObject({
  stage: z.enum(STAGES),
  version: z.union([z.int().positive(), z.string().regex(/^[\w.-]+$/)]),
  variables: z.record(z.string(), z.enum(['text', 'number'])),
});

const VARIABLE = /\{\{\s*([^{}]*?)\s*\}\}/g;

/** Parses a prompt: front matter between lines of ---, then `# system` and `# user`. */
export function parsePrompt(
  text: string,
  path: string,
  about: Pick<Prompt, 'stage' | 'language' | 'source'>,
  problems: Problems,
): Prompt | undefined {
  const { stage } = about;
  const whole = text.replace(/^\uFEFF/, '').replaceAll('\r\n', '\n');
  const [, head, body] = /^---\n([\s\S]*?\n)---\n([\s\S]*)$/.exec(whole) ?? [];
  if (head === undefined || body === undefined) {
    problems.add(path, 'does not begin with front matter between lines of ---');
    return undefined;
  }
  const yaml = parseYaml(`\n${head}`, path);
  const before = problems.count;
  checkShape(yaml, front, problems);
  const meta = front.safeParse(yaml.value).data;
  if (meta === undefined) return undefined;
  const line = (key: string) => yaml.place([key]);
  if (meta.stage !== stage)
    problems.add(line('stage'), `is for ${meta.stage}, but the file is named ${stage}`);

  const wanted = STAGE_VARIABLES[stage];
  for (const [name, type] of Object.entries(meta.variables)) {
    if (wanted[name] === undefined)
      problems.add(line('variables'), `the stage ${stage} has no variable ${name}`);
    else if (wanted[name] !== type)
      problems.add(line('variables'), `${name} is a ${wanted[name]}, not a ${type}`);
  }
  for (const name of Object.keys(wanted)) {
    if (meta.variables[name] === undefined) problems.add(line('variables'), `${name} is missing`);
  }

  const sections = new Map<string, string>();
  for (const part of body.split(/^(?=# (?:system|user)$)/m)) {
    const [, role, content] = /^# (system|user)\n([\s\S]*)$/.exec(part) ?? [];
    if (role === undefined) {
      if (part.trim() !== '') problems.add(path, 'has text before the line "# system" or "# user"');
    } else if (sections.has(role)) problems.add(path, `has two parts "# ${role}"`);
    else sections.set(role, content!.trim());
  }
  if (!sections.get('user')) problems.add(path, 'has no part "# user"');
  const used = new Set([...body.matchAll(VARIABLE)].map(([, name]) => name!));
  for (const name of used) {
    if (meta.variables[name] === undefined)
      problems.add(path, `uses {{${name}}}, which is no variable of it`);
  }
  for (const name of Object.keys(meta.variables)) {
    if (!used.has(name)) problems.add(path, `declares ${name}, but never uses {{${name}}}`);
  }
  if (problems.count > before) return undefined;

  const hash = createHash('sha256').update(whole).digest('hex').slice(0, 12);
  return {
    ...about,
    version: `${meta.version}+${hash}`,
    fill: (variables) =>
      (['system', 'user'] as const).flatMap((role) => {
        const content = sections.get(role);
        return content ? [{ role, content: filled(content, variables, wanted, path) }] : [];
      }),
  };
}

/** In one pass: what a variable holds is text, whatever it looks like. */
function filled(
  content: string,
  variables: Readonly<Record<string, string | number>>,
  types: Readonly<Record<string, 'text' | 'number'>>,
  path: string,
): string {
  return content.replace(VARIABLE, (_, name: string) => {
    const value = variables[name];
    if (value === undefined || typeof value !== (types[name] === 'number' ? 'number' : 'string')) {
      throw new Error(`${path}: ${name} is ${value}, expected a ${types[name]}`);
    }
    return String(value);
  });
}
