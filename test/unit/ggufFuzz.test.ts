import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openModel } from '../../src/models/files.js';
import { TruecastError } from '../../src/support/errors.js';
import { bitsAt, integerAt, randomKey } from '../../src/support/random.js';
import { f32, ggufBytes, type TestTensor, type Typed, writeGguf } from '../helpers/ggufWriter.js';
import { temporaryFolders } from '../helpers/temporary.js';

/** TRUECAST_FUZZ=20000 for a longer run. */
const FILES = Number(process.env.TRUECAST_FUZZ ?? 1500);
const temporary = temporaryFolders();

const PIECES = [
  '<pad>',
  '<eos>',
  '<bos>',
  '<unk>',
  '▁',
  'a',
  'b',
  'ab',
  '▁ab',
  '<0x41>',
  '  ',
  '<end_of_turn>',
];
const TYPES = [3, 3, 3, 3, 1, 1, 1, 1, 1, 6, 4, 3];

/** A small Gemma 3 that opens, with a tensor of every kind of block. */
function sound(): Buffer {
  const metadata: [string, Typed][] = [
    ['general.architecture', ['string', 'gemma3']],
    ['general.alignment', ['u32', 32]],
    ['gemma3.context_length', ['u32', 64]],
    ['gemma3.embedding_length', ['u32', 4]],
    ['gemma3.block_count', ['u32', 1]],
    ['gemma3.feed_forward_length', ['u32', 8]],
    ['gemma3.attention.head_count', ['u32', 2]],
    ['gemma3.attention.head_count_kv', ['u32', 1]],
    ['gemma3.attention.key_length', ['u32', 2]],
    ['gemma3.attention.layer_norm_rms_epsilon', ['f32', 1e-6]],
    ['gemma3.attention.sliding_window_pattern', ['array', 'bool', [1]]],
    ['gemma3.rope.freq_base', ['f32', 1e6]],
    ['split.count', ['u64', 1]],
    ['nested', ['array', 'array', [['array', 'u8', [1, 2]]]]],
    ['tokenizer.ggml.model', ['string', 'llama']],
    ['tokenizer.ggml.tokens', ['array', 'string', PIECES]],
    ['tokenizer.ggml.scores', ['array', 'f32', PIECES.map((_, i) => -i)]],
    ['tokenizer.ggml.token_type', ['array', 'i32', TYPES]],
    ['tokenizer.ggml.bos_token_id', ['u32', 2]],
    ['tokenizer.ggml.unknown_token_id', ['u32', 3]],
    ['tokenizer.chat_template', ['string', '{{ bos_token }}']],
  ];
  const block = (name: string, type: number, values: number, bytes: number): TestTensor => ({
    name,
    dimensions: [values],
    type,
    data: Uint8Array.from({ length: bytes }, (_, i) => bitsAt(type, i)),
  });
  const tensors = [
    f32('token_embd.weight', [12, 4], Array(48).fill(0.5)),
    f32('output_norm.weight', [4], [1, 2, 3, 4]),
    block('blk.0.attn_q.weight', 12, 256, 144),
    block('blk.0.attn_k.weight', 6, 32, 22),
    block('blk.0.attn_v.weight', 14, 256, 210),
    block('blk.0.ffn_up.weight', 8, 32, 34),
    block('blk.0.ffn_down.weight', 30, 8, 16),
  ];
  return ggufBytes({ metadata, tensors });
}

/** Values that lengths, counts, types and offsets go wrong with. */
const NASTY = [0n, 1n, 7n, 9n, 0x7fn, 0xffn, 2n ** 31n, 2n ** 32n - 1n, 2n ** 40n, 2n ** 63n, 2n ** 64n - 1n];

/** Flips bits, overwrites numbers, cuts, repeats and drops stretches. */
function mutated(original: Buffer, key: number): Buffer {
  let file = Buffer.from(original);
  let counter = 0;
  const below = (n: number) => integerAt(key, counter++, n);
  for (let change = 1 + below(3); change > 0 && file.length > 8; change--) {
    const at = below(file.length);
    switch (below(6)) {
      case 0:
        file[at]! ^= 1 << below(8);
        break;
      case 1:
        file[at] = below(256);
        break;
      case 2:
        file = file.subarray(0, at);
        break;
      case 3:
        if (at + 8 <= file.length) file.writeBigUInt64LE(NASTY[below(NASTY.length)]!, at);
        break;
      case 4:
        if (at + 4 <= file.length) file.writeUInt32LE(Number(NASTY[below(8)]!), at);
        break;
      default: {
        const length = below(64);
        const middle = below(2) === 0 ? Buffer.alloc(0) : file.subarray(at, at + 2 * length);
        file = Buffer.concat([file.subarray(0, at), middle, file.subarray(at + length)]);
      }
    }
  }
  return file;
}

function readAll(path: string): void {
  const model = openModel(path);
  model.tokenizer().encode('abab  é');
  const weights = model.openWeights();
  try {
    for (const name of weights.tensors.keys()) {
      // no block is read as more than eight times its bytes
      expect(weights.floats(name).length * 4).toBeLessThanOrEqual(8 * weights.bytes(name).length);
    }
  } finally {
    weights.close();
  }
}

describe('a damaged GGUF file', () => {
  it('is whole before it is damaged', () => {
    readAll(writeGguf(temporary(), sound()));
  });

  it(`is read or refused by name, never worse (${FILES} files)`, () => {
    const folder = temporary();
    const original = sound();
    let refused = 0;
    let slowest = 0;
    for (let i = 0; i < FILES; i++) {
      const path = writeGguf(folder, mutated(original, randomKey('gguf', i)));
      const begin = performance.now();
      try {
        readAll(path);
      } catch (error) {
        if (!(error instanceof TruecastError))
          throw new Error(`file ${i}: ${(error as Error).stack}`, { cause: error });
        expect(error.message, `file ${i}`).toContain(join(folder, 'model.gguf'));
        refused++;
      }
      slowest = Math.max(slowest, performance.now() - begin);
    }
    expect(refused).toBeGreaterThan(FILES / 2);
    expect(slowest).toBeLessThan(2000);
  });
});
