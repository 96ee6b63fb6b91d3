import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { machineFacts } from '../src/backends/machine.js';
import { BACKEND_NAMES, selectBackend } from '../src/backends/select.js';
import * as tf from '../src/backends/tf.js';
import { print, table } from '../src/cli/output.js';
import { messageOf, UsageError } from '../src/support/errors.js';
import { writeFileAtomic } from '../src/support/files.js';
import { VERSION } from '../src/support/version.js';
import { writeEncoder, writeGemma } from './models.js';
import { Peer } from './peer.js';
import { SIZES, type SizeName, type Sizes, sizesOf } from './sizes.js';
import { type RowDefinition, rowDefinitions, type Work } from './work.js';

/** A measured row, as `--json` writes it. Times are medians. */
export interface Row {
  name: string;
  backend: string;
  model: string;
  shape: string;
  unit: string;
  ms: number;
  /** Of `unit`. */
  perSecond: number;
  /** Every run, in order. */
  runs: number[];
  peer?: {
    ms: number;
    perSecond: number;
    runs: number[];
    /** Median of truecast's time ÷ the peer's over the interleaved runs: below 1 truecast is faster. */
    ratio: number;
    /** Of what both computed in their first runs, in rows where it must be the same. */
    agreement?: { largestDifference: number } | { equalTokens: number };
  };
}

/** Threads of the side that has just run still spin for a while: the other waits for them to sleep. */
const REST_MS = 250;
const WARMUP = 2;

const argv = await yargs(hideBin(process.argv))
  .scriptName('npm run bench --')
  .options({
    backend: { choices: ['auto', ...BACKEND_NAMES] as const, default: 'auto' as const },
    size: { choices: Object.keys(SIZES) as SizeName[], default: 'small' as const },
    set: { type: 'string', array: true, default: [] as string[], describe: 'As deberta.layers=12' },
    only: { type: 'string', describe: 'Rows whose names match this expression' },
    runs: { type: 'number', default: 5, describe: 'Timed runs of each side' },
    json: { type: 'string', requiresArg: true, describe: 'A file for the results' },
    peers: { type: 'boolean', default: false, describe: 'Time the Python side too' },
    python: { type: 'string', requiresArg: true, describe: 'Its Python, else TRUECAST_PEERS_PYTHON' },
    device: { choices: ['cpu', 'cuda'] as const, default: 'cpu' as const, describe: "The Python side's" },
  })
  .strict()
  .help()
  .parseAsync();

const temporary = mkdtempSync(join(tmpdir(), 'truecast-bench-'));
const written = new Set<string>();
let peer: Peer | undefined;
try {
  await main();
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`);
  process.exitCode = 1;
} finally {
  peer?.stop();
  rmSync(temporary, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const sizes = sizesOf(argv.size, argv.set);
  const definitions = rowDefinitions(sizes).filter(({ name }) => new RegExp(argv.only ?? '').test(name));
  if (definitions.length === 0) throw new UsageError(`no row matches ${argv.only}`);
  const python = argv.python ?? process.env.TRUECAST_PEERS_PYTHON;
  if (argv.peers && !python) {
    throw new UsageError('which Python?', 'give --python PATH or set TRUECAST_PEERS_PYTHON');
  }
  const { name: backend, why } = await selectBackend(argv.backend);
  process.stderr.write(`backend ${backend} (${why})\n`);
  let peerVersions: object | undefined;
  if (argv.peers) {
    peer = await Peer.start(python!, argv.device, temporary);
    peerVersions = await peer.ask({ op: 'versions' });
  }
  const rows: Row[] = [];
  for (const definition of definitions) {
    process.stderr.write(`${definition.name} …`);
    const row = await measure(definition, sizes, backend);
    process.stderr.write(` ${row.ms.toFixed(1)} ms\n`);
    rows.push(row);
  }
  printRows(rows);
  if (argv.json) {
    const environment = {
      truecast: VERSION,
      tfjs: tf.version.tfjs,
      backend,
      machine: machineFacts(),
      size: argv.size,
      sizes,
      ...(peerVersions ? { peer: { device: argv.device, ...peerVersions } } : {}),
    };
    writeFileAtomic(argv.json, `${JSON.stringify({ environment, rows }, null, 2)}\n`);
  }
}

async function measure(definition: RowDefinition, sizes: Sizes, backend: string): Promise<Row> {
  const folder = modelFolder(definition.model, sizes);
  const work = await definition.prepare(folder);
  try {
    await peer?.ask({ op: 'prepare', folder, ...definition.request });
    const values = await warmUp(work);
    const runs: number[] = [];
    const peerRuns: number[] = [];
    for (let i = 0; i < argv.runs; i++) {
      // who begins changes, so that a slow drift of the machine falls on both
      const turns = [() => time(work, runs), () => timePeer(peerRuns)];
      for (const turn of i % 2 === 0 ? turns : turns.reverse()) await turn();
    }
    const { name, model, shape, unit, items } = definition;
    const ms = median(runs);
    const perSecond = (1000 * items) / ms;
    const row: Row = { name, backend, model, shape, unit, ms, perSecond, runs };
    if (peer) {
      const peerMs = median(peerRuns);
      row.peer = {
        ms: peerMs,
        perSecond: (1000 * items) / peerMs,
        runs: peerRuns,
        ratio: median(runs.map((run, i) => run / peerRuns[i]!)),
        ...agreementOf(definition, values),
      };
    }
    return row;
  } finally {
    work.dispose();
    await peer?.ask({ op: 'dispose' });
  }
}

function modelFolder(model: RowDefinition['model'], sizes: Sizes): string {
  const folder = join(temporary, model);
  if (!written.has(model)) {
    if (model === 'gemma') writeGemma(folder, sizes);
    else writeEncoder(folder, model, sizes);
    written.add(model);
  }
  return folder;
}

/** Runs both sides until they are warm; the values of their first runs, to compare. */
async function warmUp(work: Work): Promise<{ own: number[]; peer?: number[] }> {
  const own = await work.run();
  const first = await peer?.ask<{ values: number[] }>({ op: 'run' });
  for (let i = 1; i < WARMUP; i++) {
    await work.run();
    await peer?.ask({ op: 'run' });
  }
  return { own, ...(first ? { peer: first.values } : {}) };
}

async function time(work: Work, runs: number[]): Promise<void> {
  if (peer) await setTimeout(REST_MS);
  const begin = performance.now();
  await work.run();
  runs.push(performance.now() - begin);
}

async function timePeer(runs: number[]): Promise<void> {
  if (!peer) return;
  await setTimeout(REST_MS);
  runs.push((await peer.ask<{ ms: number }>({ op: 'run' })).ms);
}

function agreementOf(
  { name, unit }: RowDefinition,
  { own, peer: theirs = [] }: { own: number[]; peer?: number[] },
): Pick<NonNullable<Row['peer']>, 'agreement'> {
  if (own.length !== theirs.length) {
    throw new Error(`${name}: the sides computed ${own.length} and ${theirs.length} numbers`);
  }
  // the losses of training steps: one side's dropout is not the other's
  if (unit === 'steps') return {};
  if (unit === 'tokens') {
    return {
      agreement: { equalTokens: own.filter((value, i) => value === theirs[i]).length / own.length },
    };
  }
  const differences = own.map((value, i) => Math.abs(value - theirs[i]!));
  return { agreement: { largestDifference: Math.max(...differences) } };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

function printRows(rows: readonly Row[]): void {
  const header = ['row', 'backend', 'shape', 'ms', 'per second'];
  const lines = rows.map(({ name, backend, shape, ms, perSecond, unit, peer: theirs }) => [
    name,
    backend,
    shape,
    ms.toFixed(1),
    `${perSecond.toFixed(1)} ${unit}`,
    ...(theirs ? [theirs.ms.toFixed(1), theirs.ratio.toFixed(2)] : []),
  ]);
  print(table([peer ? [...header, 'PyTorch ms', 'ratio'] : header, ...lines]));
}
