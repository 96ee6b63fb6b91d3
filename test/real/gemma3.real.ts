import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { type ModelFiles, openModel } from '../../src/models/files.js';
import { GgufFile } from '../../src/models/formats/gguf/file.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { type Generation, generate } from '../../src/models/gemma/generate.js';
import type { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import { loadGemma } from '../../src/models/load.js';
import type { Tokenizer } from '../../src/models/tokenizer.js';
import { weightsHash } from '../../src/recipes/artifacts.js';
import { describeBackends } from '../helpers/backends.js';
import { expectClose } from '../helpers/compare.js';
import { folderOf, skippedFor } from './helpers.js';
import { GGUF_NAME } from './models.js';

const HERE = import.meta.dirname;
const skipped = skippedFor('gemma3');
const read = (name: string): unknown => JSON.parse(readFileSync(join(HERE, name), 'utf8'));
const { prompts, texts } = read('gemma3.json') as {
  prompts: { text: string; ids: number[]; positions: number[] }[];
  texts: { text: string; ids: number[] }[];
};
const { texts: continuations } = read('gemma3-text.json') as { texts: { ids: number[]; text: string }[] };
const gguf = () => join(folderOf('gemma3'), GGUF_NAME);

describe.skipIf(skipped)(`Gemma 3 270M's GGUF file${skipped}`, () => {
  let golden: SafetensorsFile;
  let files: ModelFiles;
  let tokenizer: Tokenizer;
  beforeAll(() => {
    golden = SafetensorsFile.open(join(HERE, 'gemma3.safetensors'));
    files = openModel(gguf());
    tokenizer = files.tokenizer();
  });
  afterAll(() => golden?.close());

  it('gives the configuration of google/gemma-3-270m', () => {
    const layer_types = Array.from({ length: 18 }, (_, i) =>
      i % 6 === 5 ? 'full_attention' : 'sliding_attention',
    );
    expect(files.config).toEqual({
      model_type: 'gemma3_text',
      architectures: ['Gemma3ForCausalLM'],
      vocab_size: 262144,
      hidden_size: 640,
      intermediate_size: 2048,
      num_hidden_layers: 18,
      num_attention_heads: 4,
      num_key_value_heads: 1,
      head_dim: 256,
      hidden_activation: 'gelu_pytorch_tanh',
      max_position_embeddings: 32768,
      rms_norm_eps: 1e-6,
      tie_word_embeddings: true,
      query_pre_attn_scalar: 256,
      sliding_window: 512,
      layer_types,
      attn_logit_softcapping: null,
      final_logit_softcapping: null,
      rope_theta: 1_000_000,
      rope_local_base_freq: 10_000,
      bos_token_id: 2,
      eos_token_id: [1, 106],
      pad_token_id: 0,
    });
  });

  it('has rows of every type that equal gguf-py’s bit for bit', () => {
    const file = GgufFile.open(gguf());
    const types = new Set<string>();
    for (const key of golden.tensors.keys()) {
      const [, row, name] = /^row\.(\d+)\.(.*)$/.exec(key) ?? [];
      if (row === undefined) continue;
      const tensor = file.tensors.get(name!)!;
      types.add(tensor.dtype);
      const width = tensor.shape.at(-1)!;
      const values = file.floats(name!).subarray(Number(row) * width, (Number(row) + 1) * width);
      expect(values, key).toEqual(golden.floats(key));
    }
    file.close();
    expect([...types].sort()).toEqual(['F32', 'Q4_K', 'Q5_0', 'Q6_K', 'Q8_0']);
  });

  it('gives norms as transformers stores them: one less', () => {
    const weights = files.openWeights();
    const stored = golden.floats('row.0.output_norm.weight');
    const expected = stored.map((value) => value - 1);
    expect(weights.floats('model.norm.weight')).toEqual(expected);
    weights.close();
  });

  it('is told from other weights by its hash', () => {
    expect(weightsHash(gguf())).toBe('a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818');
  });

  it(`has a tokenizer with the ids of the published one on ${texts.length} texts`, () => {
    const wrong = texts.filter(({ text, ids }) => tokenizer.encode(text).join() !== ids.join());
    expect(wrong.map(({ text, ids }) => ({ text, ids, ours: tokenizer.encode(text) }))).toEqual([]);
    expect(tokenizer.vocabularySize).toBe(262144);
    // what transformers puts before a text
    const [{ text, ids }] = prompts as [(typeof prompts)[0]];
    expect(tokenizer.encodeInput(text).ids).toEqual(ids);
  });

  it('decodes what it encodes', () => {
    for (const { text, ids } of texts) {
      // as in the published tokenizer, its mark for a space is one
      expect(tokenizer.decode(ids)).toBe(text.replaceAll('▁', ' '));
    }
  });

  // the published tokenizer gives the control token's id for each of these
  it.each(['<bos>', '<eos>', '<start_of_turn>', '<end_of_turn>', '<mask>', '<unused42>'])(
    'takes %s in a text for text',
    (control) => {
      const id = tokenizer.control(control);
      const ids = tokenizer.encode(`a ${control} b`);
      expect(ids).not.toContain(id);
      expect(tokenizer.decode(ids)).toBe(`a ${control} b`);
    },
  );
});

/** Of float32 sums in another order; the largest logits are about 30. */
const TOLERANCE = 2e-4;
/** llama.cpp multiplies with quantised activations: two logits nearer than this may change places. */
const NEAR_TIE = 0.5;
const GREEDY = { temperature: 0, topK: 0, topP: 1, seed: 0, stopTokens: [] };

describeBackends(`Gemma 3 270M from its GGUF file${skipped}`, () => {
  let model: GemmaForCausalLM;
  beforeAll(() => {
    if (!skipped) model = loadGemma(gguf(), { quantization: 'none' });
  });
  afterAll(() => model?.dispose());

  /** Logits [positions, vocabulary] of the tokens that follow each position. */
  const logitsAt = (ids: readonly number[], positions: readonly number[]) =>
    tf.tidy(() => {
      const hidden = model.hiddenStates({
        inputIds: tf.tensor2d([[...ids]], [1, ids.length], 'int32'),
        attentionMask: tf.ones([1, ids.length]),
        positions: tf.range(0, ids.length, 1, 'int32').expandDims<tf.Tensor2D>(0),
      });
      return model.logits(tf.gather(hidden.squeeze([0]), tf.tensor1d([...positions], 'int32')));
    });

  it.skipIf(skipped)('has the logits of transformers', () => {
    const golden = SafetensorsFile.open(join(HERE, 'gemma3.safetensors'));
    const columns = golden.ints('columns');
    prompts.forEach(({ ids, positions }, i) => {
      tf.tidy(() => {
        const logits = logitsAt(ids, positions);
        const sample = tf.gather(logits, tf.tensor1d(columns, 'int32'), 1);
        expectClose(sample, golden.floats(`logits.${i}`), TOLERANCE, `sampled logits of prompt ${i}`);
        const values = logits.dataSync();
        const [top, topValues] = [golden.ints(`top.ids.${i}`), golden.floats(`top.values.${i}`)];
        const width = logits.shape[1]!;
        const k = top.length / positions.length;
        const ours = Array.from(top, (id, n) => values[Math.floor(n / k) * width + id]!);
        expectClose(ours, topValues, TOLERANCE, `largest logits of prompt ${i}`);
        positions.forEach((_, row) => {
          const rowValues = values.subarray(row * width, (row + 1) * width);
          let best = 0;
          for (let id = 1; id < width; id++) if (rowValues[id]! > rowValues[best]!) best = id;
          expect(best, `prompt ${i}, position ${positions[row]}`).toBe(top[row * k]);
        });
      });
    });
    golden.close();
  });

  it.skipIf(skipped)('writes greedily what llama.cpp writes, up to near-ties', async () => {
    let same = 0;
    for (const [i, { ids }] of prompts.entries()) {
      const theirs = continuations[i]!.ids;
      const [{ ids: written }] = (await generate(model, [{ prompt: ids, key: i }], {
        ...GREEDY,
        maxNewTokens: theirs.length,
      })) as [Generation];
      const differ = theirs.findIndex((id, n) => written[n] !== id);
      if (differ < 0) {
        same += theirs.length;
        continue;
      }
      same += differ;
      const logits = tf.tidy(() =>
        logitsAt([...ids, ...theirs.slice(0, differ)], [ids.length + differ - 1]).dataSync(),
      );
      const gap = logits[written[differ]!]! - logits[theirs[differ]!]!;
      expect(gap, `prompt ${i}, token ${differ}`).toBeLessThan(NEAR_TIE);
    }
    process.stderr.write(`greedy tokens before any near-tie: ${same}\n`);
  });
});
