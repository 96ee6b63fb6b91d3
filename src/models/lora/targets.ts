import type { AdaptedLayer, LoraConfig } from './config.js';
import { matchPatterns } from './patterns.js';

const ALL_LINEAR = 'all-linear';

/**
 * The layers among `names` that a configuration adapts, each with its rank and scale, by PEFT's rules.
 *
 * @param names every linear layer that there is, as the configuration's patterns know them
 */
export function adaptedLayers(config: LoraConfig, names: readonly string[]): Map<string, AdaptedLayer> {
  const left = names.filter(excluding(config, names));
  const chosen = left.filter(choosing(config, left));
  const rank = valueFor(config.rankPattern ?? {}, config.rank, chosen, 'rank_pattern');
  const alpha = valueFor(config.alphaPattern ?? {}, config.alpha, chosen, 'alpha_pattern');
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

function excluding({ excludeModules: excluded }: LoraConfig, names: readonly string[]): Predicate {
  if (excluded === undefined || excluded.length === 0) return () => true;
  if (typeof excluded !== 'string') return (name) => !endsWithPart(name, excluded);
  const [matches] = matchPatterns([excluded], names, 'whole', 'exclude_modules');
  return (_, i) => matches![i] === null;
}

function choosing(config: LoraConfig, names: readonly string[]): Predicate {
  const { targetModules: targets, layersToTransform: blocks = [], layersPattern = [] } = config;
  if (typeof targets === 'string' && targets.toLowerCase() !== ALL_LINEAR) {
    const [matches] = matchPatterns([targets], names, 'whole', 'target_modules');
    return (_, i) => matches![i] !== null;
  }
  const inBlocks = blocks.length === 0 ? () => true : withinBlocks(blocks, layersPattern, names);
  return (name, i) => (typeof targets === 'string' || endsWithPart(name, targets)) && inBlocks(name, i);
}

/** By the first number in the name that stands where one of the patterns, or any part, precedes it. */
function withinBlocks(blocks: readonly number[], patterns: string[], names: readonly string[]): Predicate {
  const before = patterns.length > 0 ? patterns.map((p) => `(?:|.*?\\.)${p}`) : ['.*?\\.[^.]*'];
  const numbered = before.map((prefix) => `${prefix}\\.(?P<idx>\\d+)\\.`);
  const matches = matchPatterns(numbered, names, 'start', 'layers_pattern');
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
