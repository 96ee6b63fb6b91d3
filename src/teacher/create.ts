import type { TeacherSpec } from '../config/teacher.js';
import { TruecastError, unreachable } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import { endpointTeacher } from './openai/teacher.js';
import type { Teacher } from './teacher.js';

export interface TeacherContext {
  /** Where keys come from. */
  environment: Readonly<Record<string, string | undefined>>;
  /** For what a teacher must remember from one run to the next (the ids of batches). */
  folder: string;
  progress: Progress;
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
    case 'template':
      throw new TruecastError(`the teacher ${spec.kind} is not there yet`, 'name an endpoint: kind openai');
    default:
      return unreachable(spec);
  }
}
