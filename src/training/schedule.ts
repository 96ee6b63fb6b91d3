import { unreachable } from '../support/errors.js';

export type ScheduleName = 'constant' | 'linear' | 'cosine';

/**
 * The learning rate's multiplier for a step counted from 0, as transformers' schedules give it: rising
 * linearly over the warm-up from 0, then constant, falling linearly to 0, or along half a cosine to 0.
 */
export function scheduleMultiplier(
  name: ScheduleName,
  step: number,
  warmupSteps: number,
  totalSteps: number,
): number {
  if (step < warmupSteps) return step / Math.max(1, warmupSteps);
  const progress = (step - warmupSteps) / Math.max(1, totalSteps - warmupSteps);
  switch (name) {
    case 'constant':
      return 1;
    case 'linear':
      return Math.max(0, 1 - progress);
    case 'cosine':
      return Math.max(0, 0.5 * (1 + Math.cos(Math.PI * progress)));
    default:
      return unreachable(name);
  }
}
