import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { currentBackend, selectBackend } from '../../src/backends/select.js';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import { openModel } from '../../src/models/files.js';
import { type Generation, generate } from '../../src/models/gemma/generate.js';
import type { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { LoraAdapter } from '../../src/models/lora/adapter.js';
import type { LoraConfig } from '../../src/models/lora/config.js';
import { exportAdapter } from '../../src/recipes/export.js';
import { silent } from '../../src/support/progress.js';
import { normalAt, randomKey } from '../../src/support/random.js';
import { testBackends } from '../helpers/backends.js';
import { temporaryFolders } from '../helpers/temporary.js';
import { folderOf, skippedFor } from './helpers.js';
import { llamaGreedy } from './llama.js';
import { GGUF_NAME } from './models.js';

const skipped = skippedFor('gemma3');
const temporary = temporaryFolders();
const backend = testBackends().at(-1)!;
const gguf = () => join(folderOf('gemma3'), GGUF_NAME);
/** What llama.cpp wrote, for where it cannot be had: TRUECAST_WRITE_GOLDEN=1 writes it again. */
const GOLDEN = join(import.meta.dirname, 'lora.json');

const PROMPTS = [
  "Alice's Adventures in Wonderland is a book about",
  'The lighthouse keeper lived alone. Every evening he',
  'Q: Where do you come from?\nA:',
];
const TOKENS = 24;
/** llama.cpp multiplies with quantised activations: two logits nearer than this may change places. */
const NEAR_TIE = 0.5;
/** Every way in which a layer's scale can differ from alpha / rank. */
const CONFIG: LoraConfig = {
  ...{ rank: 8, alpha: 8, dropout: 0, rslora: true },
  targetModules: ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
  rankPattern: { 'mlp\\.(up|gate)_proj': 4 },
  alphaPattern: { o_proj: 4 },
};

describe.skipIf(skipped)(`a LoRA of Gemma 3 270M${skipped} (${backend})`, () => {
  let model: GemmaForCausalLM;
  let adapter: LoraAdapter;
  let prompts: number[][];
  let folder: string;

  beforeAll(async () => {
    await selectBackend(backend);
    model = loadGemma(gguf(), { quantization: 'none' });
    const tokenizer = openModel(gguf()).tokenizer();
    prompts = PROMPTS.map((text) => tokenizer.encodeInput(text).ids);
    adapter = new LoraAdapter(CONFIG);
    adapter.initialise(model.linearLayers(), 11);
    // enough to change the text, and little enough for it to stay one
    for (const name of adapter.weights.names().filter((each) => each.includes('lora_B'))) {
      const { shape, size } = adapter.weights.get(name);
      const key = randomKey(11, 'real', name);
      const values = Float32Array.from({ length: size }, (_, i) => 0.004 * normalAt(key, i));
      adapter.weights.set(name, tf.tensor(values, shape));
    }
    folder = join(temporary(), 'adapter');
    mkdirSync(folder);
    adapter.save(folder, { nameOrPath: gguf(), task: 'CAUSAL_LM' });
  });
  afterAll(() => {
    model?.dispose();
    adapter?.dispose();
  });

  const write = async (adapted: boolean) => {
    if (adapted) model.adapter = adapter;
    else delete model.adapter;
    const items = prompts.map((prompt, key) => ({ prompt, key }));
    const options = { temperature: 0, topK: 0, topP: 1, seed: 0, stopTokens: [], maxNewTokens: TOKENS };
    return (await generate(model, items, options)).map(({ ids }: Generation) => ids);
  };

  it('makes llama.cpp write what we write, up to near-ties', async () => {
    const lora = join(temporary(), 'lora.gguf');
    await exportAdapter(
      { format: 'gguf', adapter: folder, out: lora, backend: currentBackend() },
      { progress: silent },
    );
    const theirs = await theirText(lora, prompts);
    const plain = await write(false);
    const ours = await write(true);
    expect(ours).not.toEqual(plain);
    let same = 0;
    theirs.forEach((ids, i) => {
      const differ = ids.findIndex((id, n) => ours[i]![n] !== id);
      same += differ < 0 ? ids.length : differ;
      if (differ >= 0) {
        const gap = gapAt(model, [...prompts[i]!, ...ids.slice(0, differ)], ours[i]![differ]!, ids[differ]!);
        expect(gap, `prompt ${i}, token ${differ}`).toBeLessThan(NEAR_TIE);
      }
    });
    process.stderr.write(
      `with the LoRA, greedy tokens before any near-tie: ${same} of ${theirs.flat().length}\n`,
    );
    expect(same).toBeGreaterThan(TOKENS);
    // the text without the adapter agrees less: that the comparison tells
    const first = (text: number[], other: number[]) => text.findIndex((id, n) => other[n] !== id);
    const kept = theirs.map((ids, i) => first(ids, plain[i]!)).map((n) => (n < 0 ? TOKENS : n));
    expect(kept.reduce((a, b) => a + b)).toBeLessThan(same / 2);
  });
});

/** llama.cpp's text over the same base with our file; the committed one where llama.cpp cannot be had. */
async function theirText(lora: string, prompts: number[][]): Promise<number[][]> {
  const missing = skippedFor('llama');
  if (missing !== '') {
    process.stderr.write(`compared with a committed text${missing}\n`);
    return (JSON.parse(readFileSync(GOLDEN, 'utf8')) as { ids: number[][] }).ids;
  }
  const llama = folderOf('llama');
  const task = { gguf: gguf(), prompts, tokens: TOKENS };
  const plain = await llamaGreedy(llama, task);
  const adapted = await llamaGreedy(llama, { ...task, lora });
  expect(adapted).not.toEqual(plain);
  if (process.env.TRUECAST_WRITE_GOLDEN === '1')
    writeFileSync(GOLDEN, `${JSON.stringify({ by: llama.split('/').at(-1), ids: adapted })}\n`);
  return adapted;
}

/** How much larger the logit of `a` is than that of `b`, after these tokens. */
function gapAt(model: GemmaForCausalLM, ids: number[], a: number, b: number): number {
  return tf.tidy(() => {
    const hidden = model.hiddenStates({
      inputIds: tf.tensor2d([ids], [1, ids.length], 'int32'),
      segments: tf.zeros([1, ids.length], 'int32'),
      positions: tf.range(0, ids.length, 1, 'int32').expandDims(0) as tf.Tensor2D,
    });
    const last = hidden.slice([0, ids.length - 1, 0], [1, 1, -1]).reshape([1, -1]);
    const logits = model.logits(last).dataSync();
    return logits[a]! - logits[b]!;
  });
}
