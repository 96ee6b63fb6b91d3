import { readdirSync, readFileSync } from 'node:fs';
import { join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';

/** From the top to the bottom: a folder imports from its own layer and from those below it. */
const LAYERS = [
  ['index.ts'],
  ['cli'],
  ['recipes'],
  ['agents', 'apc', 'config', 'data', 'discriminators', 'dpo', 'evaluation', 'sft', 'teacher', 'training'],
  ['models', 'hub'],
  ['ops'],
  ['backends'],
  ['support'],
];

interface Import {
  file: string;
  /** As written. */
  specifier: string;
}

const IMPORT =
  /^\s*(?:import|export)\s+(?:[\w$\s{},*]+?\s+from\s+)?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

function importsOf(file: string, text: string): Import[] {
  return [...text.matchAll(IMPORT)].map((match) => ({ file, specifier: (match[1] ?? match[2])! }));
}

const folderOf = (path: string) => path.split('/')[0]!;
const layerOf = (path: string) => LAYERS.findIndex((folders) => folders.includes(folderOf(path)));

/** What a relative import leads to, by its path below src. */
function target({ file, specifier }: Import): string | undefined {
  return specifier.startsWith('.') ? normalize(join(file, '..', specifier)) : undefined;
}

/** Imports that lead up, or to or from a folder that no layer names. */
function violations(imports: readonly Import[]): string[] {
  return imports.flatMap((entry) => {
    const to = target(entry);
    if (to === undefined || folderOf(to) === folderOf(entry.file)) return [];
    const [from, into] = [layerOf(entry.file), layerOf(to)];
    if (from >= 0 && into >= from) return [];
    const why = from < 0 ? 'its folder is in no layer' : into < 0 ? 'it leads to no layer' : 'it leads up';
    return [`${entry.file} imports ${entry.specifier}: ${why}`];
  });
}

/** Folders of one layer that import each other in a circle. */
function circles(imports: readonly Import[]): string[] {
  const edges = new Map<string, Set<string>>();
  for (const entry of imports) {
    const to = target(entry);
    if (to === undefined || layerOf(to) !== layerOf(entry.file) || folderOf(to) === folderOf(entry.file))
      continue;
    const from = folderOf(entry.file);
    edges.set(from, (edges.get(from) ?? new Set()).add(folderOf(to)));
  }
  const found: string[] = [];
  const walk = (path: string[]) => {
    for (const next of edges.get(path.at(-1)!) ?? []) {
      if (next === path[0]) found.push([...path, next].join(' → '));
      else if (!path.includes(next)) walk([...path, next]);
    }
  };
  for (const folder of edges.keys()) walk([folder]);
  return found;
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .map((name) => name.replaceAll('\\', '/'));
const imports = files.flatMap((file) => importsOf(file, readFileSync(join('src', file), 'utf8')));

describe('imports in src', () => {
  it('run one way', () => {
    expect(imports.length).toBeGreaterThan(100);
    expect(violations(imports)).toEqual([]);
  });

  it('form no circle among the folders of a layer', () => {
    expect(circles(imports)).toEqual([]);
  });

  it('lead to files that exist', () => {
    const known = new Set(files.map((file) => file.replace(/\.ts$/, '.js')));
    const lost = imports.filter((entry) => {
      const to = target(entry);
      // package.json lies above src
      return to !== undefined && !to.startsWith('..') && !known.has(to);
    });
    expect(lost).toEqual([]);
  });

  it('reach the hub through recipes alone: everything below them is local', () => {
    const outside = imports.filter((entry) => {
      const to = target(entry);
      return to !== undefined && folderOf(to) === 'hub' && !['hub', 'recipes'].includes(folderOf(entry.file));
    });
    expect(outside).toEqual([]);
  });

  it('reach TensorFlow.js through backends/tf.ts alone', () => {
    const direct = imports.filter(
      ({ specifier }) => specifier === '@tensorflow/tfjs' || specifier === '@tensorflow/tfjs-core',
    );
    expect(direct.map(({ file }) => file)).toEqual(['backends/tf.ts']);
  });
});

describe('the check itself', () => {
  const of = (file: string, text: string) => violations(importsOf(file, text));

  it('finds every way to write an import', () => {
    const text = [
      "import { a } from '../recipes/a.js';",
      "import type { B } from '../recipes/b.js';",
      "import '../recipes/c.js';",
      "export * from '../recipes/d.js';",
      "export { e } from '../recipes/e.js';",
      "import {\n  f,\n  g,\n} from '../recipes/f.js';",
      "const h = await import('../recipes/h.js');",
      "import * as i from '../recipes/i.js';",
    ].join('\n');
    expect(of('models/x.ts', text)).toEqual(
      [...'abcdefhi'].map((name) => `models/x.ts imports ../recipes/${name}.js: it leads up`),
    );
  });

  it('lets imports lead down, or stay within a layer', () => {
    expect(of('cli/commands/x.ts', "import '../../recipes/a.js'; import '../options.js';")).toEqual([]);
    expect(
      of('apc/x.ts', "import '../discriminators/a.js';\nimport 'zod';\nimport '../support/a.js';"),
    ).toEqual([]);
  });

  it('refuses what leads up, or to a folder that is in no layer', () => {
    expect(of('support/x.ts', "import '../backends/a.js';")).toHaveLength(1);
    expect(of('backends/wasm/x.ts', "import '../../ops/a.js';")).toHaveLength(1);
    expect(of('ops/x.ts', "import '../models/a.js';")).toHaveLength(1);
    expect(of('models/gemma/x.ts', "import '../../apc/a.js';")).toHaveLength(1);
    expect(of('dpo/x.ts', "import '../recipes/a.js';")).toHaveLength(1);
    expect(of('recipes/x.ts', "import '../cli/a.js';")).toHaveLength(1);
    expect(of('recipes/x.ts', "import '../misc/a.js';")).toEqual([
      'recipes/x.ts imports ../misc/a.js: it leads to no layer',
    ]);
    expect(of('misc/x.ts', "import '../support/a.js';")).toHaveLength(1);
  });

  it('finds circles', () => {
    const circle = [
      { file: 'apc/a.ts', specifier: '../dpo/b.js' },
      { file: 'dpo/b.ts', specifier: '../sft/c.js' },
    ];
    expect(circles(circle)).toEqual([]);
    expect(circles([...circle, { file: 'sft/c.ts', specifier: '../apc/a.js' }])).toContain(
      'apc → dpo → sft → apc',
    );
  });
});
