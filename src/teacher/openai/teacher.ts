import type { EndpointSpec } from '../../config/teacher.js';
import { TruecastError } from '../../support/errors.js';
import type { TeacherContext } from '../create.js';
import type { Teacher } from '../teacher.js';

/** A model behind an OpenAI-like API. */
export function endpointTeacher(spec: EndpointSpec, _context: TeacherContext): Teacher {
  throw new TruecastError(`the endpoint ${spec.baseUrl} cannot be asked yet`, 'wait');
}
