/**
 * Writes test/real/gemma3-text.json: what llama.cpp writes greedily after the prompts of gemma3.json, as token ids.
 * Outside this project, since node-llama-cpp is no dependency of it:
 *
 *     mkdir llama && cd llama && npm init -y && npm install node-llama-cpp@3.22.1
 *     node generate_gemma3_text.mjs GGUF PATH/TO/test/real          (a copy of this file in that folder)
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { getLlama } from 'node-llama-cpp';

const TOKENS = 40;
const [gguf, folder] = process.argv.slice(2);
const { version } = JSON.parse(readFileSync('node_modules/node-llama-cpp/package.json', 'utf8'));
const { prompts } = JSON.parse(readFileSync(join(folder, 'gemma3.json'), 'utf8'));

const llama = await getLlama({ gpu: false, build: 'never' });
const model = await llama.loadModel({ modelPath: gguf });
const context = await model.createContext({ contextSize: 1024, threads: 2 });
const sequence = context.getSequence();
const texts = [];
for (const { ids } of prompts) {
  await sequence.clearHistory();
  const written = [];
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    written.push(token);
    if (model.isEogToken(token) || written.length === TOKENS) break;
  }
  texts.push({ ids: written, text: model.detokenize(written) });
}
const release = llama.llamaCppRelease.release;
const lines = texts.map((text) => `  ${JSON.stringify(text)}`).join(',\n');
writeFileSync(
  join(folder, 'gemma3-text.json'),
  `{\n "versions": ${JSON.stringify({ 'node-llama-cpp': version, 'llama.cpp': release })},\n "texts": [\n${lines}\n ]\n}\n`,
);
await llama.dispose();
