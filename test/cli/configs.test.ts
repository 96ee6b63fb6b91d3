import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { loadConfig } from '../../src/config/load.js';
import {
  discriminatorConfigSchema,
  dpoConfigSchema,
  euConfigSchema,
  evaluateConfigSchema,
} from '../../src/config/schema.js';

const CONFIGS = fileURLToPath(new URL('../../configs', import.meta.url));
const files = (readdirSync(CONFIGS, { recursive: true }) as string[]).filter((name) =>
  name.endsWith('.yaml'),
);

/** The command's schema, by the last part of the file's name: 2b_dpo.yaml is for train-dpo. */
const SCHEMAS: Record<string, z.ZodType> = {
  relevance: discriminatorConfigSchema,
  nli: discriminatorConfigSchema,
  eu: euConfigSchema,
  dpo: dpoConfigSchema,
  evaluate: evaluateConfigSchema,
};

it.each(files)('%s can be used', (name) => {
  const schema = SCHEMAS[basename(name, '.yaml').split(/[_-]/).at(-1)!];
  expect(schema, 'a name that says which command it is for').toBeDefined();
  loadConfig(join(CONFIGS, name), schema!);
});
