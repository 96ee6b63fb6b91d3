import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as tf from '../../src/backends/tf.js';
import { loadGemma } from '../../src/models/decoders.js';
import { type ModelFiles, openModel } from '../../src/models/files.js';
import { GgufFile } from '../../src/models/formats/gguf/file.js';
import { SafetensorsFile } from '../../src/models/formats/safetensors.js';
import { generate } from '../../src/models/gemma/generate.js';
import type { GemmaForCausalLM } from '../../src/models/gemma/model.js';
import type { Tokenizer } from '../../src/models/tokenizer.js';
import { weightsHash } from '../../src/recipes/artifacts.js';
import { describeBackends, testBackends } from '../helpers/backends.js';
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
      const values = new Float32Array(tensor.shape.at(-1)!);
      file.floatsInto(name!, values, Number(row) * values.length);
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

/** Of 1 + |logit|: float32 sums in another order. 5e-5 is the most that was seen. */
const TOLERANCE = 1e-4;
/**
 * llama.cpp multiplies by activations of 8 bits: two logits that are nearer than this may change places. 0.171 is
 * the most that was seen.
 */
const NEAR_TIE = 0.25;
const MOST_TIES = 3;
const GREEDY = { temperature: 0, topK: 0, topP: 1, seed: 0, stopTokens: [1, 106] };

describeBackends(`Gemma 3 270M from its GGUF file${skipped}`, (backend) => {
  let model: GemmaForCausalLM;
  let tokenizer: Tokenizer;
  beforeAll(() => {
    if (skipped) return;
    model = loadGemma(gguf(), { quantization: 'none' });
    tokenizer = openModel(gguf()).tokenizer();
  });
  afterAll(() => model?.dispose());

  /** Logits [positions, vocabulary] of the tokens that follow each position. */
  const logitsAt = (ids: readonly number[], positions: readonly number[]) =>
    tf.tidy(() => {
      const hidden = model.hiddenStates({
        inputIds: tf.tensor2d([[...ids]], [1, ids.length], 'int32'),
        segments: tf.zeros([1, ids.length], 'int32'),
        positions: tf.range(0, ids.length, 1, 'int32').expandDims<tf.Tensor2D>(0),
      });
      return model.logits(tf.gather(hidden.squeeze([0]), tf.tensor1d([...positions], 'int32')));
    });

  // wasm takes minutes for the prompt beyond the sliding window, and for texts
  const slow = backend === 'wasm' && testBackends().length > 1;
  const parity = prompts.map((prompt, i) => ({ ...prompt, i, name: prompt.text.slice(-60) }));

  it.skipIf(skipped).each(parity.filter(({ ids }) => !slow || ids.length < 100))(
    'has the logits of transformers: $name',
    ({ ids, positions, i }) => {
      const golden = SafetensorsFile.open(join(HERE, 'gemma3.safetensors'));
      const columns = golden.ints('columns');
      const [top, topValues] = [golden.ints(`top.ids.${i}`), golden.floats(`top.values.${i}`)];
      tf.tidy(() => {
        const logits = logitsAt(ids, positions);
        const sample = tf.gather(logits, tf.tensor1d(columns, 'int32'), 1);
        expectClose(sample, golden.floats(`logits.${i}`), TOLERANCE, 'sampled logits');
        const largest = tf.topk(logits, top.length / positions.length);
        expectClose(largest.values, topValues, TOLERANCE, 'largest logits');
        const best = tf.argMax(logits, 1).dataSync();
        expect(Array.from(best)).toEqual(
          positions.map((_, row) => top[(row * top.length) / positions.length]),
        );
      });
      golden.close();
    },
  );

  it.skipIf(skipped || slow).each(parity)(
    'writes greedily what llama.cpp writes, up to near-ties: $name',
    async ({ ids, i, name }) => {
      const { ids: theirs, text } = continuations[i]!;
      expect(theirs.length).toBeGreaterThanOrEqual(32);
      expect(tokenizer.decode(theirs)).toBe(text);
      const [ours] = await generate(model, [{ prompt: ids, key: i }], {
        ...GREEDY,
        maxNewTokens: theirs.length,
      });
      const differ = theirs.findIndex((id, n) => ours!.ids[n] !== id);

      // what llama.cpp's tokens lack to our largest logits, up to the first that differs and beyond
      const positions = theirs.map((_, n) => ids.length - 1 + n);
      const gaps = tf.tidy(() => {
        const logits = logitsAt([...ids, ...theirs.slice(0, -1)], positions);
        const rows = tf.range(0, theirs.length, 1, 'int32');
        const chosen = tf.gatherND(logits, tf.stack([rows, tf.tensor1d(theirs, 'int32')], 1));
        return Array.from(tf.sub(tf.max(logits, 1), chosen).dataSync());
      });
      expect(gaps.findIndex((gap) => gap > 0)).toBe(differ);
      for (const [n, gap] of gaps.entries()) expect(gap, `token ${n}`).toBeLessThan(NEAR_TIE);
      const ties = gaps.filter((gap) => gap > 0);
      expect(ties.length).toBeLessThanOrEqual(MOST_TIES);
      const same = differ < 0 ? theirs.length : differ;
      process.stderr.write(
        `…${name}${tokenizer.decode(ours!.ids)}\n(as llama.cpp for ${same} of ${theirs.length} tokens; ` +
          `near-ties: ${ties.map((gap) => gap.toFixed(3)).join(', ') || 'none'})\n`,
      );
    },
  );
});
