import type { TeacherSpec } from '../config/teacher.js';
import { unreachable } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import { localTeacher } from './local.js';
import { endpointTeacher } from './openai/teacher.js';
import type { Teacher } from './teacher.js';
import { TEMPLATE_WARNING, templateTeacher } from './template/template.js';

export interface TeacherContext {
  /** Where keys come from. */
  environment: Readonly<Record<string, string | undefined>>;
  /** For what a teacher must remember from one run to the next (the ids of batches). */
  folder: string;
  progress: Progress;
  /** Where a local teacher's model is: found, and fetched where it is one of the hub, before. */
  locate(reference: string): { path: string; commit?: string };
}

/**
 * The teacher that a configuration names.
 * @throws TruecastError where it cannot be had (no key, no such model)
 */
export async function createTeacher(spec: TeacherSpec, context: TeacherContext): Promise<Teacher> {
  switch (spec.kind) {
    case 'openai':
      return endpointTeacher(spec, context);
    case 'local':
      return localTeacher({ ...spec, name: spec.model, ...context.locate(spec.model) });
    case 'template':
      context.progress.note(`warning: ${TEMPLATE_WARNING}`);
      return templateTeacher();
    default:
      return unreachable(spec);
  }
}
