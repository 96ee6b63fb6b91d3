import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import type { z } from 'zod';
import { loadConfig } from '../../src/config/load.js';
import { buildDatasetConfigSchema, pricesSchema } from '../../src/config/teacher.js';
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

/** The command's schema, by the last part of the file's name: 2b_dpo.yaml is for train-dpo; by the folder teacher/. */
const SCHEMAS: Record<string, z.ZodType> = {
  relevance: discriminatorConfigSchema,
  nli: discriminatorConfigSchema,
  eu: euConfigSchema,
  dpo: dpoConfigSchema,
  evaluate: evaluateConfigSchema,
};

function schemaOf(name: string): z.ZodType | undefined {
  if (dirname(name) !== 'teacher') return SCHEMAS[basename(name, '.yaml').split(/[_-]/).at(-1)!];
  return basename(name) === 'prices.yaml' ? pricesSchema : buildDatasetConfigSchema;
}

it.each(files)('%s can be used', (name) => {
  const schema = schemaOf(name);
  expect(schema, 'a name that says which command it is for').toBeDefined();
  loadConfig(join(CONFIGS, name), schema!);
});
