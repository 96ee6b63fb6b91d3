import type { AdaptedLayer, LoraConfig } from './config.js';
import { matchPatterns } from './patterns.js';

const ALL_LINEAR = 'all-linear';

/** Names of the keys that hold patterns. */
export interface PatternKeys {
  targets: string;
  exclude: string;
  layers: string;
  rank: string;
  alpha: string;
}

/** Those of a file that PEFT wrote. */
export const keysOf = (path: string): PatternKeys => ({
  targets: `${path}: target_modules`,
  exclude: `${path}: exclude_modules`,
  layers: `${path}: layers_pattern`,
  rank: `${path}: rank_pattern`,
  alpha: `${path}: alpha_pattern`,
});

/** Those of a run's configuration. */
export const CONFIG_KEYS: PatternKeys = {
  targets: 'lora.targetModules',
  exclude: 'lora.excludeModules',
  layers: 'lora.layersPattern',
  rank: 'lora.rankPattern',
  alpha: 'lora.alphaPattern',
};

/**
 * The layers among `names` that a configuration adapts, each with its rank and scale, by PEFT's rules.
 *
 * @param names every linear layer that there is, as the configuration's patterns know them
 * @param keys what the configuration calls the parts with patterns, for errors
 */
export function adaptedLayers(
  config: LoraConfig,
  names: readonly string[],
  keys: PatternKeys,
): Map<string, AdaptedLayer> {
  const left = names.filter(excluding(config, names, keys));
  const chosen = left.filter(choosing(config, left, keys));
  const rank = valueFor(config.rankPattern ?? {}, config.rank, chosen, keys.rank);
  const alpha = valueFor(config.alphaPattern ?? {}, config.alpha, chosen, keys.alpha);
  return new Map(
    chosen.map((name, i) => {
      const layer = { rank: rank(i), alpha: alpha(i) };
      return [name, { ...layer, scale: layer.alpha / (config.rslora ? Math.sqrt(layer.rank) : layer.rank) }];
    }),
  );
}

/** Whether `name` is one of `parts` or ends with one. */
export function endsWithPart(name: string, parts: readonly string[]): boolean {
  return parts.some((part) => name === part || name.endsWith(`.${part}`));
}

type Predicate = (name: string, i: number) => boolean;

function excluding(
  { excludeModules: excluded }: LoraConfig,
  names: readonly string[],
  keys: PatternKeys,
): Predicate {
  if (excluded === undefined || excluded.length === 0) return () => true;
  if (typeof excluded !== 'string') return (name) => !endsWithPart(name, excluded);
  const [matches] = matchPatterns([excluded], names, 'whole', keys.exclude);
  return (_, i) => matches![i] === null;
}

function choosing(config: LoraConfig, names: readonly string[], keys: PatternKeys): Predicate {
  const { targetModules: targets, layersToTransform: blocks = [], layersPattern = [] } = config;
  if (typeof targets === 'string' && targets.toLowerCase() !== ALL_LINEAR) {
    const [matches] = matchPatterns([targets], names, 'whole', keys.targets);
    return (_, i) => matches![i] !== null;
  }
  const inBlocks = blocks.length === 0 ? () => true : withinBlocks(blocks, layersPattern, names, keys);
  return (name, i) => (typeof targets === 'string' || endsWithPart(name, targets)) && inBlocks(name, i);
}

/** By the first number in the name that stands where one of the patterns, or any part, precedes it. */
function withinBlocks(
  blocks: readonly number[],
  patterns: readonly string[],
  names: readonly string[],
  keys: PatternKeys,
): Predicate {
  const before = patterns.length > 0 ? patterns.map((p) => `(?:|.*?\\.)${p}`) : ['.*?\\.[^.]*'];
  const numbered = before.map((prefix) => `${prefix}\\.(?P<idx>\\d+)\\.`);
  const matches = matchPatterns(numbered, names, 'start', keys.layers);
  return (_, i) => {
    const first = matches.find((found) => found[i] !== null);
    return first !== undefined && blocks.includes(Number(first[i]));
  };
}

/** The value of the first pattern that fits a name, or the usual one. */
function valueFor(
  patterns: Record<string, number>,
  usual: number,
  names: readonly string[],
  key: string,
): (i: number) => number {
  const entries = Object.entries(patterns);
  if (entries.length === 0) return () => usual;
  const matches = matchPatterns(
    entries.map(([pattern]) => pattern),
    names,
    'end',
    key,
  );
  return (i) => entries.find((_, k) => matches[k]![i] !== null)?.[1] ?? usual;
}
