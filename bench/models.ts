import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadCharacter } from '../src/data/index.js';
import { defaultFormat, saveFormat } from '../src/discriminators/format.js';
import { createSequenceClassifier } from '../src/models/classifiers.js';
import { parseGemmaConfig } from '../src/models/gemma/config.js';
import { GemmaForCausalLM } from '../src/models/gemma/model.js';
import { initialiseWeights } from '../src/models/initialise.js';
import { saveModel } from '../src/models/weights.js';
import type { Sizes } from './sizes.js';

/**
 * Randomly initialised models in Hugging Face layout, which both sides load. Written once per run into
 * a temporary folder.
 */

const SEED = 1;
/** Width of the inner layer as a multiple of the hidden size, in BERT and DeBERTa alike. */
const INNER = 4;

/** An NLI discriminator of random weights. */
export function writeEncoder(folder: string, kind: 'minilm' | 'deberta', sizes: Sizes): void {
  const { layers, hidden, heads, vocabulary } = sizes[kind];
  const shared = {
    vocab_size: vocabulary,
    hidden_size: hidden,
    num_hidden_layers: layers,
    num_attention_heads: heads,
    intermediate_size: INNER * hidden,
    hidden_act: 'gelu',
    hidden_dropout_prob: 0.1,
    attention_probs_dropout_prob: 0.1,
    max_position_embeddings: 512,
    pad_token_id: 0,
    id2label: { 0: 'contradicted', 1: 'neutral', 2: 'entailed' },
    label2id: { contradicted: 0, neutral: 1, entailed: 2 },
  };
  const config =
    kind === 'minilm'
      ? { model_type: 'bert', ...shared, type_vocab_size: 2, layer_norm_eps: 1e-12 }
      : {
          model_type: 'deberta-v2',
          ...shared,
          type_vocab_size: 0,
          layer_norm_eps: 1e-7,
          relative_attention: true,
          max_relative_positions: -1,
          position_buckets: 256,
          norm_rel_ebd: 'layer_norm',
          share_att_key: true,
          pos_att_type: ['p2c', 'c2p'],
          position_biased_input: false,
          pooler_dropout: 0,
          pooler_hidden_act: 'gelu',
          pooler_hidden_size: hidden,
        };
  mkdirSync(folder, { recursive: true });
  const model = createSequenceClassifier(config, folder);
  initialiseWeights(model.weights, model.expectedTensors(), SEED);
  saveModel(folder, config, model.weights);
  model.weights.dispose();
  saveFormat(folder, defaultFormat('nli', 128));
  writeFileSync(join(folder, 'tokenizer.json'), JSON.stringify(wordTokenizer(vocabulary)));
}

/** A Gemma of random weights. */
export function writeGemma(folder: string, { gemma }: Sizes): void {
  const config = {
    model_type: 'gemma',
    vocab_size: gemma.vocabulary,
    hidden_size: gemma.hidden,
    intermediate_size: gemma.inner,
    num_hidden_layers: gemma.layers,
    num_attention_heads: gemma.heads,
    num_key_value_heads: gemma.keyValueHeads,
    head_dim: gemma.headSize,
    hidden_act: 'gelu_pytorch_tanh',
    hidden_activation: 'gelu_pytorch_tanh',
    max_position_embeddings: 1024,
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    attention_bias: false,
    tie_word_embeddings: true,
    pad_token_id: 0,
    eos_token_id: 1,
    bos_token_id: 2,
  };
  mkdirSync(folder, { recursive: true });
  const model = new GemmaForCausalLM(parseGemmaConfig(config, folder));
  initialiseWeights(model.weights, model.expectedTensors(), SEED);
  saveModel(folder, config, model.weights);
  model.dispose();
}

/** Texts of real length: a character's statements, a query and responses to it. */
export function scoringTexts({ score }: Sizes): { statements: string[]; query: string; responses: string[] } {
  const { statements, queries, nli = [] } = loadCharacter('odile');
  const responses = [...new Set(nli.map(({ response }) => response))];
  return {
    statements: statements.slice(0, score.statements).map(({ text }) => text),
    query: queries[0]!.text,
    responses: responses.slice(0, score.responses),
  };
}

/** A tokenizer.json whose pieces are the words of the character's texts: one token a word. */
function wordTokenizer(vocabularySize: number): object {
  const specials = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  const { statements, nli = [] } = loadCharacter('odile');
  const texts = [
    ...statements.map(({ text }) => text),
    ...nli.flatMap(({ query, response }) => [query, response]),
  ];
  const words = texts.flatMap((text) => text.toLowerCase().match(/[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? []);
  const pieces = [...specials, ...new Set(words.sort())].slice(0, vocabularySize);
  while (pieces.length < vocabularySize) pieces.push(`unused${pieces.length}`);
  const special = (id: string, type_id: number) => ({ SpecialToken: { id, type_id } });
  const sequence = (id: 'A' | 'B', type_id: number) => ({ Sequence: { id, type_id } });
  const single = [special('[CLS]', 0), sequence('A', 0), special('[SEP]', 0)];
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: specials.map((content, id) => ({
      id,
      content,
      special: true,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: false,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single,
      pair: [...single, sequence('B', 1), special('[SEP]', 1)],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((token) => [
          token,
          { id: token, ids: [specials.indexOf(token)], tokens: [token] },
        ]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: false },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])),
    },
  };
}
