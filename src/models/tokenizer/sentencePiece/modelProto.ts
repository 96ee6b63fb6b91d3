import { TruecastError } from '../../../support/errors.js';
import { readBytes } from '../../../support/files.js';
import { damagedAt, type Message, readFields } from './wire.js';

/** Numbers of ModelProto.SentencePiece.Type. */
export const PIECE = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
/** Numbers of TrainerSpec.ModelType. */
export const MODEL = { unigram: 1, bpe: 2 } as const;

/** What of a SentencePiece model (sentencepiece_model.proto) a tokenizer is made of. */
export interface SentencePieceModel {
  path: string;
  /** By id: the piece, its log probability or the negative rank of its merge, its type. */
  pieces: { text: string; score: number; type: number }[];
  modelType: number;
  unknownId: number;
  /** Absent where texts are taken as they are. */
  charsmap?: Uint8Array;
}

const strict = new TextDecoder('utf8', { fatal: true, ignoreBOM: true });

/** @throws TruecastError where the file is missing, damaged or holds no pieces */
export function readSentencePiece(path: string): SentencePieceModel {
  const root: Message = { bytes: readBytes(path, 'SentencePiece model'), path, offset: 0 };
  const model: SentencePieceModel = { path, pieces: [], modelType: MODEL.unigram, unknownId: 0 };
  const found = new Set<number>();
  for (const { number, value } of readFields(root)) {
    if (typeof value === 'number') continue;
    found.add(number);
    if (number === 1) model.pieces.push(readPiece(value, model.pieces.length));
    if (number === 2) readTrainer(value, model);
    if (number === 3) readNormalizer(value, model);
  }
  const { length } = model.pieces;
  // trainers write all three; a file that was cut off between two of them would pass for another model
  if (![1, 2, 3].every((number) => found.has(number))) {
    throw new TruecastError(`${path} is no whole SentencePiece model: it lacks pieces or settings`, REMEDY);
  }
  if (model.unknownId < 0 || model.unknownId >= length) {
    throw new TruecastError(`${path}: its unk_id ${model.unknownId} is none of its ${length} pieces`, REMEDY);
  }
  return model;
}

const REMEDY = 'fetch it again from where it came';

function readPiece(message: Message, id: number) {
  const piece = { text: '', score: 0, type: PIECE.normal as number };
  for (const { number, value } of readFields(message)) {
    if (number === 1 && typeof value === 'object') piece.text = readText(value);
    if (number === 2 && typeof value === 'number') piece.score = value;
    if (number === 3 && typeof value === 'number') piece.type = value;
  }
  if (!Number.isFinite(piece.score)) damagedAt(message, 0, `piece ${id} has the score ${piece.score}`);
  return piece;
}

function readTrainer(message: Message, model: SentencePieceModel): void {
  for (const { number, value } of readFields(message)) {
    if (typeof value !== 'number') continue;
    if (number === 3) model.modelType = value;
    if (number === 40) model.unknownId = value;
  }
}

function readNormalizer(message: Message, model: SentencePieceModel): void {
  for (const { number, value } of readFields(message)) {
    if (number === 2 && typeof value === 'object' && value.bytes.length > 0) model.charsmap = value.bytes;
  }
}

function readText(message: Message): string {
  try {
    return strict.decode(message.bytes);
  } catch {
    return damagedAt(message, 0, 'a piece is not UTF-8');
  }
}

/** @throws TruecastError where a model is of another kind than its family's */
export function expectModelType(
  { path, modelType }: SentencePieceModel,
  expected: number,
  family: string,
): void {
  if (modelType === expected) return;
  const name = (type: number) =>
    type === MODEL.unigram ? 'unigram' : type === MODEL.bpe ? 'BPE' : `type ${type}`;
  throw new TruecastError(
    `${path} is a ${name(modelType)} model, ${family}'s are ${name(expected)}`,
    'use the SentencePiece model that belongs to the weights, or a tokenizer.json',
  );
}
