import type { CommandModule } from 'yargs';
import type { BackendName } from '../../backends/select.js';
import {
  EXPORT_DTYPES,
  EXPORT_FORMATS,
  type ExportDtype,
  type ExportFormat,
  exportAdapter,
  MERGE_BASES,
} from '../../recipes/export.js';
import { UsageError } from '../../support/errors.js';
import { terminalProgress } from '../../support/progress.js';
import { aboutModels, helpEnd, OWN, backend as sharedBackend } from '../options.js';
import { print, printJson } from '../output.js';

interface Options {
  format: ExportFormat;
  adapter: string;
  out: string;
  base?: string;
  dtype?: ExportDtype;
  over?: (typeof MERGE_BASES)[number];
  'max-shard'?: number;
  backend: BackendName | 'auto';
  json?: boolean;
}

export const exportCommand: CommandModule<object, Options> = {
  command: 'export',
  describe: 'Write a trained adapter as PEFT, llama.cpp or transformers read it',
  builder: (yargs) =>
    yargs
      .options({
        format: {
          choices: EXPORT_FORMATS,
          demandOption: true,
          describe:
            'peft: a folder for PEFT; gguf: a LoRA file for llama.cpp; merged: a whole model in safetensors',
        },
        adapter: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe:
            'The adapter: what train-eu or train-dpo made (RUN/adapter), or a PEFT one, also of the hub',
        },
        out: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: 'Where to write: a folder, with gguf a file; it must not exist',
        },
        base: {
          type: 'string',
          requiresArg: true,
          describe: 'The base model, instead of the one that the adapter names; with peft the name to write',
        },
        dtype: {
          choices: EXPORT_DTYPES,
          describe: 'Type of the tensors; gguf: f32 (default) or f16; merged: that of the base by default',
        },
        over: {
          choices: MERGE_BASES,
          describe: 'merged: what the adapter is added to; by default what it was trained over',
        },
        'max-shard': {
          type: 'string',
          requiresArg: true,
          coerce: parseSize,
          describe: 'merged: size of a file at most, such as 5GB (default) or 500MB',
        },
        backend: { ...sharedBackend, default: 'auto' as const },
      })
      .group(['format', 'adapter', 'out', 'base', 'dtype', 'over', 'max-shard', 'backend'], OWN)
      .epilogue(
        helpEnd(
          {
            'for PEFT, under the name that the base has on a hub':
              'truecast export --format peft --adapter runs/odile-dpo/adapter --base google/gemma-1.1-2b-it --out odile-lora',
            'for llama.cpp: llama-cli -m BASE.gguf --lora odile.gguf':
              'truecast export --format gguf --adapter runs/odile-dpo/adapter --dtype f16 --out odile.gguf',
            'a model that transformers loads by itself':
              'truecast export --format merged --adapter runs/odile-dpo/adapter --dtype bf16 --out odile-model',
          },
          'An adapter that was trained over a 4-bit base (NF4) corrects that base, rounding errors included. ' +
            'merged therefore adds it, by default, to the weights as NF4 leaves them: the result is what was ' +
            'trained and evaluated. --over float adds it to the original weights, nf4 and nf4-double to weights ' +
            "quantised and back. What an adapter of others was trained over isn't known: float is taken, and said.",
          'A GGUF file cannot say DoRA; merge such an adapter.',
          aboutModels,
        ),
      ),
  async handler({ json, 'max-shard': maxShard, ...options }) {
    const { format } = options;
    const only = (option: string, value: unknown, ...formats: ExportFormat[]) => {
      if (value !== undefined && !formats.includes(format))
        throw new UsageError(`--${option} does not go with --format ${format}`, 'leave it out');
    };
    only('over', options.over, 'merged');
    only('max-shard', maxShard, 'merged');
    only('dtype', options.dtype, 'gguf', 'merged');
    const result = await exportAdapter(
      { ...options, ...(maxShard === undefined ? {} : { maxShard }) },
      { progress: terminalProgress() },
    );
    if (json) return printJson(result);
    print(`${result.format}: ${result.out} (${result.layers} adapted layers, ${result.dtype})`);
  },
};

const UNITS = { B: 1, KB: 1e3, MB: 1e6, GB: 1e9 } as const;

/** 5GB, 500MB, … in bytes. */
function parseSize(text: string | undefined): number | undefined {
  // yargs calls it for an option that is not given, too
  if (text === undefined) return undefined;
  const [, count, unit] = /^(\d+(?:\.\d+)?)(B|KB|MB|GB)$/i.exec(text) ?? [];
  const bytes = Number(count) * UNITS[(unit ?? '').toUpperCase() as keyof typeof UNITS];
  if (!(bytes >= 1))
    throw new UsageError('--max-shard takes a size such as 5GB or 500MB', 'B, KB, MB and GB are its units');
  return bytes;
}
