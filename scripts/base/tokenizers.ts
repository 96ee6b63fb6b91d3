/**
 * Trains the tokenizers of the tiny base models on the authored characters and on world characters, and
 * writes them as Hugging Face lays them out: npx vite-node scripts/base/tokenizers.ts [entries]
 */
import { join } from 'node:path';
import { writeFileAtomic } from '../../src/support/files.js';
import { readAuthored } from './authored.js';
import { type BpeModel, countPieces, trainBpe } from './bpe.js';
import { debertaFiles, gemmaFiles, reservedTokens, type TokenizerFiles } from './layouts.js';
import { worldCharacter, worldText } from './world/index.js';

const vocabularySize = 6144;
const worldCharacters = 3000;
/** Authored texts are few beside the world's, and they are what the models are for. */
const authoredWeight = 10;

function trainTokenizers(size = vocabularySize): BpeModel {
  const counts = new Map<string, number>();
  const required = new Set(
    Array.from({ length: 95 }, (_, i) => String.fromCharCode(32 + i)).concat('▁', '\n'),
  );
  required.delete(' ');
  for (const { texts } of readAuthored()) {
    for (const text of texts) {
      countPieces(counts, text, authoredWeight);
      for (const character of text.replaceAll(' ', '▁')) required.add(character);
    }
  }
  for (let seed = 0; seed < worldCharacters; seed++) {
    const { statements, queries } = worldCharacter(seed);
    for (const { text } of statements) countPieces(counts, text);
    for (const { text, entailed, neutral, contradicted } of queries) {
      for (const sentence of [text, entailed.text, neutral.text, contradicted.text])
        countPieces(counts, sentence);
    }
    countPieces(counts, worldText(seed));
  }
  return trainBpe(counts, {
    size: size - reservedTokens,
    required,
    minimumCharacterCount: 20,
    longest: 16,
  });
}

function writeTokenizer(folder: string, files: TokenizerFiles): void {
  writeFileAtomic(join(folder, 'tokenizer.json'), `${JSON.stringify(files.tokenizer)}\n`);
  writeFileAtomic(join(folder, 'tokenizer_config.json'), `${JSON.stringify(files.config, null, 2)}\n`);
}

function writeTokenizers(size?: number, root = 'checkpoints'): void {
  const bpe = trainTokenizers(size);
  writeTokenizer(join(root, 'tiny-gemma'), gemmaFiles(bpe));
  writeTokenizer(join(root, 'tiny-deberta'), debertaFiles(bpe));
}

writeTokenizers(...process.argv.slice(2, 3).map(Number));
