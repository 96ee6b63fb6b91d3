import type { Character } from '../agents/agent.js';
import { Relevance } from '../apc/relevance.js';
import { ApcScorer } from '../apc/score.js';
import type { LoadedCharacter } from '../data/index.js';
import { Discriminator } from '../discriminators/discriminator.js';
import type { DiscriminatorTask } from '../discriminators/format.js';
import { openModel } from '../models/files.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { LoraAdapter } from '../models/lora/adapter.js';
import type { LoraConfig } from '../models/lora/config.js';
import { loadAdapter } from '../models/lora/load.js';
import type { Tokenizer } from '../models/tokenizer.js';
import { TruecastError } from '../support/errors.js';
import type { Progress } from '../support/progress.js';
import type { LocatedModel } from './models.js';

/** What agents and scorers need of a character. */
export function characterOf({ id, name, language, statements }: LoadedCharacter): Character {
  return { id, name, language, statements: statements.map(({ text }) => text) };
}

/** @throws TruecastError where the model is no discriminator for `task` */
export function loadDiscriminator(
  { path, repository }: LocatedModel,
  task: DiscriminatorTask,
): Discriminator {
  return Discriminator.load(path, task, repository);
}

export function loadRelevance(character: Character, model: LocatedModel, progress: Progress): Relevance {
  return new Relevance(character, loadDiscriminator(model, 'relevance'), progress);
}

/** A scorer of a character by two discriminators. */
export function loadScorer(
  character: Character,
  models: { relevance: LocatedModel; nli: LocatedModel },
  progress: Progress,
): ApcScorer {
  const relevance = loadRelevance(character, models.relevance, progress);
  return new ApcScorer(relevance, loadDiscriminator(models.nli, 'nli'), progress);
}

/** The tokenizer of a base model, whose embeddings must hold all its tokens. */
export function loadTokenizer(path: string, embeddings: number): Tokenizer {
  const tokenizer = openModel(path).tokenizer();
  if (tokenizer.vocabularySize > embeddings) {
    throw new TruecastError(
      `${tokenizer.path} has ${tokenizer.vocabularySize} tokens, the model beside it ${embeddings}`,
      'use the tokenizer.json that belongs to the weights',
    );
  }
  return tokenizer;
}

/** A note for each discriminator that had to cut inputs since the last call. */
export function noteCuts(discriminators: readonly Discriminator[], progress: Progress): void {
  for (const discriminator of discriminators) {
    const cut = discriminator.takeOverlong();
    const { task, maxLength } = discriminator.format;
    if (cut > 0)
      progress.note(
        `warning: ${cut} inputs of ${task} are longer than ${maxLength} tokens: their ends were cut`,
      );
  }
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
    model.adapter = new LoraAdapter(lora, undefined, model.prefix);
    model.adapter.initialise(model.linearLayers(), seed, (layer) => model.linear(layer));
  }
  return model.adapter;
}
