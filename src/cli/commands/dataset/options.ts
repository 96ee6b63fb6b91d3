import { BUILD_OPTIONS } from '../../../data/index.js';
import type { SplitOptions } from '../../../data/split.js';
import { numeric } from '../../options.js';

/** Options of the actions that split, as yargs takes them. */
export const splitting = {
  'held-out': {
    ...numeric('held-out', (share) => share > 0 && share < 1, 'a share between 0 and 1'),
    default: 0.2,
    describe: 'Share of the queries that is held out',
  },
  'near-duplicate': {
    ...numeric('near-duplicate', (x) => x > 0 && x <= 1, 'a similarity above 0, at most 1'),
    default: BUILD_OPTIONS.nearDuplicate,
    describe: 'Training queries at least this like a held-out one are left out; 1: only equal ones',
  },
  seed: {
    ...numeric('seed', (n) => Number.isSafeInteger(n) && n >= 0, 'a whole number from 0'),
    default: BUILD_OPTIONS.seed,
    describe: 'The same seed, the same split',
  },
} as const;

export interface SplittingOptions {
  'held-out': number;
  'near-duplicate': number;
  seed: number;
}

export function splitOptions(argv: SplittingOptions): SplitOptions {
  return {
    seed: argv.seed,
    heldOutShare: argv['held-out'],
    heldOutMin: 1,
    nearDuplicate: argv['near-duplicate'],
  };
}

export const out = {
  type: 'string',
  demandOption: true,
  requiresArg: true,
} as const;

export const root = {
  type: 'string',
  requiresArg: true,
  describe: 'Folder of annotated characters and their data sets; the shipped ones by default',
} as const;

/** What help says of how data sets are named. */
export const aboutDataSets =
  'A data set is named by its folder, or, a shipped one, by its name (odile, tam, …).';
