import type { BuildDatasetConfig, TeacherSpec } from '../config/teacher.js';
import { createTeacher } from '../teacher/create.js';
import { STAGES, type Stage, type Teacher } from '../teacher/teacher.js';
import { chooseBackend, type RecipeContext } from './begin.js';
import { findModels } from './models.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export type OpenTeacher = (spec: TeacherSpec) => Promise<Teacher>;

/** What opens teachers: the models of local ones are found, and the backend that they run on chosen, before. */
export async function teacherOpener(
  specs: readonly TeacherSpec[],
  folder: string,
  environment: Environment,
  { progress }: RecipeContext,
): Promise<OpenTeacher> {
  const local = specs.flatMap((spec) => (spec.kind === 'local' ? [spec] : []));
  const models = await findModels({ models: local.map(({ model }) => model) }, progress);
  const [first] = local;
  if (first) await chooseBackend(first.backend, progress);
  const locate = (reference: string) => models.get(reference);
  return (spec) => createTeacher(spec, { environment, folder, progress, locate });
}

/** Stages with the same spec share a teacher, and so its limits. */
export async function openTeachers(
  specs: Readonly<Record<Stage, TeacherSpec>>,
  open: OpenTeacher,
): Promise<Record<Stage, Teacher>> {
  const opened = new Map<string, Teacher>();
  for (const spec of Object.values(specs)) {
    const key = JSON.stringify(spec);
    if (!opened.has(key)) opened.set(key, await open(spec));
  }
  return byStage((stage) => opened.get(JSON.stringify(specs[stage]))!);
}

export function byStage<T>(of: (stage: Stage) => T): Record<Stage, T> {
  return Object.fromEntries(STAGES.map((stage) => [stage, of(stage)])) as Record<Stage, T>;
}

/** The teachers of each stage. */
export interface Teachers {
  first: Record<Stage, Teacher>;
  second?: Record<Stage, Teacher>;
}

/** Opens the teachers of a configuration; `specs` are the first one's, by stage. */
export async function openAll(
  specs: Readonly<Record<Stage, TeacherSpec>>,
  { secondTeacher }: BuildDatasetConfig,
  folder: string,
  environment: Environment,
  context: RecipeContext,
): Promise<Teachers> {
  const second = secondTeacher && byStage(() => secondTeacher.teacher);
  const all = [...Object.values(specs), ...(secondTeacher ? [secondTeacher.teacher] : [])];
  const open = await teacherOpener(all, folder, environment, context);
  const first = await openTeachers(specs, open);
  return second ? { first, second: await openTeachers(second, open) } : { first };
}

export function closeAll({ first, second }: Teachers): void {
  for (const teacher of new Set([...Object.values(first), ...Object.values(second ?? {})])) teacher.close();
}
