import type { Kind } from '../types.js';
import { body } from './body.js';
import { daily } from './daily.js';
import { family } from './family.js';
import { identity } from './identity.js';
import { mind } from './mind.js';
import { past } from './past.js';
import { tastes } from './tastes.js';
import { things } from './things.js';
import { work } from './work.js';

export const englishKinds: readonly Kind[] = [
  ...identity,
  ...work,
  ...family,
  ...tastes,
  ...body,
  ...mind,
  ...past,
  ...things,
  ...daily,
];
