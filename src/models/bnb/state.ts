import { z } from 'zod';
import { NESTED_BLOCK, NF4_BLOCK } from '../../ops/nf4.js';
import { messageOf, TruecastError } from '../../support/errors.js';
import { parseModelConfig } from '../config.js';
import type { TensorFile } from '../formats/tensorFile.js';

/** Tensors beside a packed weight, by the end of their names. */
export const ABSMAX = '.absmax';
export const QUANT_MAP = '.quant_map';
export const NESTED_ABSMAX = '.nested_absmax';
export const NESTED_QUANT_MAP = '.nested_quant_map';
export const STATE = '.quant_state.bitsandbytes__';
export const NF4_STATE = `${STATE}nf4`;

const LARGEST_STATE = 4096;

/** bitsandbytes' QuantState without its tensors: JSON, as bytes of a tensor. */
const schema = z
  .strictObject({
    quant_type: z.literal('nf4'),
    blocksize: z
      .literal([64, 128, 256, 512, 1024, 2048, 4096], 'blocks of 64 to 4096 weights are supported')
      .transform((size): number => size),
    dtype: z.enum(['float32', 'bfloat16', 'float16']),
    shape: z.tuple([z.int().positive(), z.int().positive()]),
    nested_blocksize: z.literal(NESTED_BLOCK).optional(),
    nested_dtype: z.literal('float32').optional(),
    nested_offset: z.number().optional(),
  })
  .refine((s) => new Set([s.nested_blocksize, s.nested_dtype, s.nested_offset].map(isGiven)).size === 1, {
    path: ['nested_offset'],
    message: 'nested_blocksize, nested_dtype and nested_offset go together',
  });

function isGiven(value: unknown): boolean {
  return value !== undefined;
}

export type QuantState = z.infer<typeof schema>;

/** Reads the state of the packed weight `name`. */
export function readState(file: TensorFile, name: string): QuantState {
  const key = name + NF4_STATE;
  const where = `${file.path}: ${key}`;
  const damaged = (what: string) => new TruecastError(`${where} ${what}`, 'copy the file again');
  const info = file.tensors.get(key);
  if (info?.dtype !== 'U8' || info.shape.length !== 1 || info.shape[0]! > LARGEST_STATE)
    throw damaged(`is ${info?.dtype} [${info?.shape}], expected at most ${LARGEST_STATE} bytes of JSON`);
  let raw: unknown;
  try {
    raw = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(file.bytes(key)));
  } catch (error) {
    throw damaged(`is not JSON: ${messageOf(error)}`);
  }
  return parseModelConfig(schema, raw, where);
}

/** The state's JSON as Python writes it. */
export function stateBytes(
  shape: readonly [number, number],
  dtype: string,
  nestedOffset?: number,
): Uint8Array {
  const entries = [
    '"quant_type": "nf4"',
    `"blocksize": ${NF4_BLOCK}`,
    `"dtype": "${dtype}"`,
    `"shape": [${shape[0]}, ${shape[1]}]`,
  ];
  if (nestedOffset !== undefined)
    entries.push(
      `"nested_blocksize": ${NESTED_BLOCK}`,
      '"nested_dtype": "float32"',
      `"nested_offset": ${pythonFloat(nestedOffset)}`,
    );
  return new TextEncoder().encode(`{${entries.join(', ')}}`);
}

/** Python's repr of a finite float: the same shortest digits, with an exponent from 1e16 on and below 1e-4. */
export function pythonFloat(value: number): string {
  const [digits, exponent] = value.toExponential().split('e') as [string, string];
  const power = Number(exponent);
  if (value !== 0 && (power < -4 || power >= 16)) {
    const sign = power < 0 ? '-' : '+';
    return `${digits}e${sign}${String(Math.abs(power)).padStart(2, '0')}`;
  }
  const text = Object.is(value, -0) ? '-0' : String(value);
  return Number.isInteger(value) ? `${text}.0` : text;
}
