import type { Character } from '../agents/agent.js';
import { ApcScorer } from '../apc/score.js';
import type { LoadedCharacter } from '../data/index.js';
import { Discriminator } from '../discriminators/discriminator.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { LoraAdapter, type LoraConfig, loadAdapter } from '../models/lora.js';
import type { Progress } from '../support/progress.js';

/** What agents and scorers need of a character. */
export function characterOf({ id, name, language, statements }: LoadedCharacter): Character {
  return { id, name, language, statements: statements.map(({ text }) => text) };
}

/** A scorer of a character by two discriminator folders. */
export function loadScorer(
  character: Character,
  folders: { relevance: string; nli: string },
  progress: Progress,
): ApcScorer {
  const relevance = Discriminator.load(folders.relevance, 'relevance');
  const nli = Discriminator.load(folders.nli, 'nli');
  return new ApcScorer(character, relevance, nli, progress);
}

/** Gives the model a fresh adapter, or one that is trained on. */
export function attachAdapter(
  model: GemmaForCausalLM,
  lora: LoraConfig,
  seed: number,
  start?: string,
): LoraAdapter {
  if (start !== undefined) {
    model.adapter = loadAdapter(start, model.linearLayers());
  } else {
    model.adapter = new LoraAdapter(lora);
    model.adapter.initialise(model.linearLayers(), seed);
  }
  return model.adapter;
}
