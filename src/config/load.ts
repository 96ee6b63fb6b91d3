import type { z } from 'zod';
import { readText } from '../support/files.js';
import { Problems } from '../support/problems.js';
import { checkShape, parseYaml } from '../support/yaml.js';

/**
 * Reads a configuration file.
 *
 * @param overrides values from the command line, as `run.name` → value; they replace the file's
 * @throws TruecastError with every problem, its key, file and line
 */
export function loadConfig<S extends z.ZodType>(
  path: string,
  schema: S,
  overrides: Readonly<Record<string, unknown>> = {},
): z.infer<S> {
  const yaml = parseYaml(readText(path, 'configuration'), path);
  const value = override(yaml.value, overrides);
  const problems = new Problems();
  checkShape({ ...yaml, value }, schema, problems);
  problems.throwIfAny(`the configuration ${path} cannot be used`, 'see the examples in configs/');
  return schema.parse(value);
}

function override(value: unknown, overrides: Readonly<Record<string, unknown>>): unknown {
  // what is no map at all is left for the schema to refuse
  if (value !== null && value !== undefined && (typeof value !== 'object' || Array.isArray(value)))
    return value;
  const result = structuredClone(value ?? {}) as Record<string, unknown>;
  for (const [path, replacement] of Object.entries(overrides)) {
    if (replacement === undefined) continue;
    const keys = path.split('.');
    let node = result;
    for (const key of keys.slice(0, -1)) {
      node[key] ??= {};
      if (typeof node[key] !== 'object') return result;
      node = node[key] as Record<string, unknown>;
    }
    node[keys.at(-1)!] = replacement;
  }
  return result;
}
