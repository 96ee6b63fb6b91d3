import { adamw } from './adamw.js';
import { adamw8bit } from './adamw8bit.js';
import { attention } from './attention.js';
import { crossEntropy } from './crossEntropy.js';
import { disentangledAttention } from './disentangledAttention.js';
import { dora } from './dora.js';
import { dropout } from './dropout.js';
import { geglu, gelu } from './gelu.js';
import { globalNorm } from './globalNorm.js';
import { layerNorm } from './layerNorm.js';
import { linear } from './linear.js';
import { lora } from './lora.js';
import { loraLinear } from './loraLinear.js';
import type { Op } from './op.js';
import { rmsNorm } from './rmsNorm.js';
import { rope } from './rope.js';
import { tokenLogProbs } from './tokenLogProbs.js';

/** Every op that truecast adds to TensorFlow.js. */
export type OpName =
  | 'linear'
  | 'loraLinear'
  | 'lora'
  | 'dora'
  | 'rmsNorm'
  | 'layerNorm'
  | 'rope'
  | 'attention'
  | 'disentangledAttention'
  | 'gelu'
  | 'geglu'
  | 'crossEntropy'
  | 'tokenLogProbs'
  | 'adamw'
  | 'adamw8bit'
  | 'globalNorm'
  | 'dropout';

/** The one table: an op that is named above and missing here, or without its parts, does not compile. */
export const ops = {
  linear,
  loraLinear,
  lora,
  dora,
  rmsNorm,
  layerNorm,
  rope,
  attention,
  disentangledAttention,
  gelu,
  geglu,
  crossEntropy,
  tokenLogProbs,
  adamw,
  adamw8bit,
  globalNorm,
  dropout,
  // biome-ignore lint/suspicious/noExplicitAny: the inputs and attributes of an op are its own
} as const satisfies Record<OpName, Op<any, any, any>>;
