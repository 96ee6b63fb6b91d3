import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../src/backends/cache.js';
import { lastLines, runCommand } from '../../src/backends/command.js';
import type { Fetched } from './models.js';

const VERSION = '3.22.1';
/** Its packages with llama.cpp built for the CPU alone. */
const BINARIES: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
};

/** node-llama-cpp, which is no dependency of the project, from the user's own npm into the cache. */
export async function fetchLlama(): Promise<Fetched> {
  const binary = BINARIES[`${process.platform}-${process.arch}`];
  if (binary === undefined) return { missing: `node-llama-cpp has nothing for ${process.platform}` };
  const folder = join(cacheFolder(), `node-llama-cpp-${VERSION}`);
  if (existsSync(folder)) return { folder };
  mkdirSync(join(folder, '..'), { recursive: true });
  const temporary = mkdtempSync(join(folder, '..', 'download-'));
  try {
    writeFileSync(join(temporary, 'package.json'), '{ "private": true }');
    const packages = [`node-llama-cpp@${VERSION}`, `@node-llama-cpp/${binary}@${VERSION}`];
    const flags = ['--ignore-scripts', '--omit=optional', '--no-audit', '--no-fund', '--prefix', temporary];
    const pulled = await runCommand('npm', ['install', ...flags, ...packages], { timeoutMs: 300_000 });
    if (pulled.status !== 'ok')
      return { missing: `npm cannot install node-llama-cpp: ${lastLines(pulled.stderr, 1)}` };
    renameSync(temporary, folder);
    return { folder };
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

export interface LlamaTask {
  gguf: string;
  lora?: string;
  prompts: number[][];
  tokens: number;
}

/** What llama.cpp writes greedily after each prompt, as token ids. */
export async function llamaGreedy(folder: string, task: LlamaTask): Promise<number[][]> {
  const script = join(import.meta.dirname, 'llama.mjs');
  const ran = await runCommand(process.execPath, [script, folder, JSON.stringify(task)], {
    timeoutMs: 300_000,
  });
  if (ran.status !== 'ok') throw new Error(`llama.cpp failed: ${lastLines(ran.stderr, 5)}`);
  return JSON.parse(ran.stdout.trim().split('\n').at(-1)!) as number[][];
}
