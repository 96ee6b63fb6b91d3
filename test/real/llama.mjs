// llama.cpp in a process of its own: node llama.mjs FOLDER TASK, as llama.ts calls it
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, json] = process.argv.slice(2);
const { gguf, lora, prompts, tokens } = JSON.parse(json);
const { getLlama } = await import(pathToFileURL(join(folder, 'node_modules/node-llama-cpp/dist/index.js')));
// one thread: on a busy machine several of them mostly wait for each other
const llama = await getLlama({ gpu: false, build: 'never', progressLogs: false, maxThreads: 1 });
const model = await llama.loadModel({ modelPath: gguf });
const context = await model.createContext({ contextSize: 512, threads: 1, ...(lora && { lora }) });
const sequence = context.getSequence();
const written = [];
for (const ids of prompts) {
  await sequence.clearHistory();
  const text = [];
  for await (const token of sequence.evaluate(ids, { temperature: 0, yieldEogToken: true })) {
    text.push(token);
    if (model.isEogToken(token) || text.length === tokens) break;
  }
  written.push(text);
}
process.stdout.write(`${JSON.stringify(written)}\n`);
await llama.dispose();
