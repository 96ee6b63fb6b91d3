import { existsSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { BackendName } from '../backends/select.js';
import { BnbFile } from '../models/bnb/file.js';
import { writeCompanions } from '../models/companions.js';
import { checkDecoder, createDecoder } from '../models/decoders.js';
import { type ModelFiles, openModel } from '../models/files.js';
import { writeShardedSafetensors } from '../models/formats/shardWriter.js';
import type { TensorFile } from '../models/formats/tensorFile.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import type { LoraAdapter } from '../models/lora/adapter.js';
import { modelCard } from '../models/lora/card.js';
import { writeGgufLora } from '../models/lora/gguf.js';
import { loadAdapter, readAdapterConfig, storedLayers } from '../models/lora/load.js';
import { type MergeOptions, mergedTensors } from '../models/lora/merge.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic, writeFolderAtomic } from '../support/files.js';
import { type AdapterProvenance, loadProvenance } from './artifacts.js';
import { chooseBackend, type RecipeContext } from './begin.js';
import { findModels } from './models.js';

export const EXPORT_FORMATS = ['peft', 'gguf', 'merged'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];
export const EXPORT_DTYPES = ['f32', 'bf16', 'f16'] as const;
export type ExportDtype = (typeof EXPORT_DTYPES)[number];
export const MERGE_BASES = ['float', 'nf4', 'nf4-double'] as const;
/** As large as a file may be on the hubs' advice. */
const MAX_SHARD = 5e9;

export interface ExportOptions {
  format: ExportFormat;
  /** A PEFT folder, or one of the hub. */
  adapter: string;
  /** A folder, or with gguf a file, that does not exist. */
  out: string;
  /** The base model; what the adapter names where not given. With peft only its name, which need not be here. */
  base?: string;
  /** Of the tensors that are written: gguf f32 where not given, merged as the base has them. */
  dtype?: ExportDtype;
  /** merged: what the adapter is added to; as it was trained where not given. */
  over?: MergeOptions['over'];
  /** merged: bytes of a shard at most. */
  maxShard?: number;
  backend?: BackendName | 'auto';
}

export interface ExportResult {
  format: ExportFormat;
  out: string;
  base: string;
  /** Adapted layers. */
  layers: number;
  dtype: ExportDtype;
  over?: MergeOptions['over'];
  files: string[];
}

/** Writes a trained adapter as others read it: a PEFT folder, llama.cpp's LoRA file, or a merged model. */
export async function exportAdapter(options: ExportOptions, context: RecipeContext): Promise<ExportResult> {
  const { out } = options;
  if (existsSync(out))
    throw new TruecastError(`${out} exists already`, 'choose another --out, or remove it first');
  const { progress } = context;
  const folder = (await findModels({ adapters: [options.adapter] }, progress)).path(options.adapter);
  const named = readAdapterConfig(folder).base.nameOrPath;
  const provenance = loadProvenance(folder);
  // what the run called it may say a revision, or a file, which PEFT's name has no place for
  const base = options.base ?? (options.format === 'peft' ? named : (provenance?.base ?? named));
  if (base === null) {
    throw new TruecastError(
      `${join(folder, 'adapter_config.json')} does not name the base model`,
      'name it with --base',
    );
  }
  const needsBase = options.format !== 'peft';
  const basePath = needsBase ? (await findModels({ models: [base] }, progress)).path(base) : base;
  const task = { ...options, adapter: folder, base, basePath, provenance };
  await chooseBackend(options.backend ?? 'auto', progress);
  switch (options.format) {
    case 'peft':
      return exportPeft(task);
    case 'gguf':
      return exportGguf(task);
    case 'merged':
      return exportMerged(task, context);
  }
}

/** The base by its name and, where it is needed, by its path. */
type Task = ExportOptions & { base: string; basePath: string; provenance: AdapterProvenance | undefined };

function exportPeft({ adapter: folder, out, base, provenance }: Task): ExportResult {
  const adapter = loadAdapter(folder, storedLayers(folder));
  const card = modelCard(adapter.config, {
    title: titleOf(folder, provenance),
    base,
    origin: origin(provenance),
  });
  writeFolderAtomic(out, (temporary) => {
    adapter.save(temporary, { nameOrPath: base, task: 'CAUSAL_LM' });
    writeFileAtomic(join(temporary, 'README.md'), card);
  });
  const layers = adapter.layers.size;
  adapter.dispose();
  const files = ['README.md', 'adapter_config.json', 'adapter_model.safetensors'];
  return { format: 'peft', out, base, layers, dtype: 'f32', files };
}

function exportGguf({ adapter: folder, out, base, basePath, dtype = 'f32', provenance }: Task): ExportResult {
  if (dtype === 'bf16')
    throw new TruecastError('a LoRA file of llama.cpp is written as f32 or f16', 'use --dtype f32 or f16');
  const { files, model } = openBase(basePath);
  const adapter = loadAdapter(folder, model.linearLayers());
  try {
    writeGgufLora(out, adapter, {
      architecture: architectureOf(files),
      name: titleOf(folder, provenance),
      dtype: dtype === 'f32' ? 'F32' : 'F16',
    });
    return { format: 'gguf', out, base, layers: adapter.layers.size, dtype, files: [basename(out)] };
  } finally {
    adapter.dispose();
  }
}

/** What llama.cpp calls the model. */
function architectureOf({ config }: ModelFiles): string {
  const type = String(config.model_type);
  return type === 'gemma3_text' ? 'gemma3' : type;
}

function titleOf(folder: string, provenance: AdapterProvenance | undefined): string {
  return provenance ? `${provenance.character}-${provenance.method}` : basename(resolve(folder));
}

function origin(provenance: AdapterProvenance | undefined): string[] {
  if (!provenance) return [];
  const { character, method, quantization } = provenance;
  const over = quantization && quantization !== 'none' ? ', over the base in 4 bits (NF4)' : '';
  return [`Trained with truecast to play the character \`${character}\` (method ${method})${over}.`];
}

function openBase(base: string): { files: ModelFiles; model: GemmaForCausalLM } {
  const files = openModel(base);
  return { files, model: createDecoder(files.config, files.configPath) };
}

function exportMerged(task: Task, { progress }: RecipeContext): ExportResult {
  const { adapter: folder, out, base, basePath, provenance, maxShard = MAX_SHARD } = task;
  const { files, model } = openBase(basePath);
  if (files.config.quantization_config) {
    throw new TruecastError(
      `${files.configPath}: quantization_config: the base is packed, and a merged model is of floats`,
      'name the base that it was packed from (--base); --over nf4 or nf4-double packs it again as in training',
    );
  }
  const linear = model.linearLayers();
  const file = files.openWeights();
  let adapter: LoraAdapter | undefined;
  try {
    const rename = checkDecoder(file, model.expectedTensors(), files.config);
    adapter = loadAdapter(folder, linear);
    const over = task.over ?? trainedOver(provenance);
    if (file instanceof BnbFile) file.checkFor([], over === 'float' ? 'none' : over);
    progress.note(aboutMerge(over, provenance));
    const dtype = task.dtype ?? storedDtype(file);
    const tensors = mergedTensors(file, adapter, { dtype: DTYPES[dtype], over, rename, linear });
    const bar = progress.start('merging', tensors.length);
    let shards: string[] = [];
    writeFolderAtomic(out, (temporary) => {
      const counted = tensors.map(([name, tensor], i) => {
        const data = () => {
          bar.update(i);
          return tensor.data();
        };
        return [name, { ...tensor, data }] as const;
      });
      shards = writeShardedSafetensors(temporary, counted, { maxShardBytes: maxShard });
      bar.update(tensors.length);
      writeCompanions(files, temporary, DTYPES[dtype]);
    });
    bar.stop();
    const written = shards.map((path) => basename(path));
    return { format: 'merged', out, base, layers: adapter.layers.size, dtype, over, files: written };
  } finally {
    adapter?.dispose();
    file.close();
  }
}

function trainedOver(provenance: AdapterProvenance | undefined): MergeOptions['over'] {
  const { quantization = 'none' } = provenance ?? {};
  return quantization === 'none' ? 'float' : quantization;
}

function aboutMerge(over: MergeOptions['over'], provenance: AdapterProvenance | undefined): string {
  const trained = provenance?.quantization;
  if (trained === undefined) {
    const taken = over === 'float' ? 'its weights as they are' : `its weights through ${over}`;
    return `note: the adapter does not say how its base was held in training: merged into ${taken} (see --over)`;
  }
  const same = over === trainedOver(provenance);
  const into = over === 'float' ? "the base's weights as they are" : `the base's weights through ${over}`;
  return same
    ? `merged into ${into}, as in training`
    : `warning: merged into ${into}, but trained over ${trained}: it answers somewhat differently from what was trained`;
}

const DTYPES = { f32: 'F32', bf16: 'BF16', f16: 'F16' } as const;

/** The type of the base's embeddings; quantised ones become what models are published in. */
function storedDtype(file: TensorFile): ExportDtype {
  const stored = [...file.tensors].find(([name]) => name.endsWith('embed_tokens.weight'))?.[1].dtype;
  return EXPORT_DTYPES.find((dtype) => DTYPES[dtype] === stored) ?? 'bf16';
}
