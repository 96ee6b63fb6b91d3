import { Agent, type Method } from '../agents/agent.js';
import type { PersonaTurn } from '../agents/prompts.js';
import { ApcScorer, type ScoredResponse } from '../apc/score.js';
import type { BackendName } from '../backends/select.js';
import { loadCharacter } from '../data/index.js';
import type { ChatMessage } from '../models/chatTemplate.js';
import { loadGemma } from '../models/decoders.js';
import { generate } from '../models/gemma/generate.js';
import type { SamplingOptions } from '../models/gemma/sample.js';
import { loadAdapter } from '../models/lora/load.js';
import type { Quantization } from '../models/nf4.js';
import { TextStream } from '../models/tokenizer/textStream.js';
import { UsageError } from '../support/errors.js';
import { silent } from '../support/progress.js';
import { chooseBackend, type RecipeContext } from './begin.js';
import { findModels } from './models.js';
import { characterOf, loadDiscriminator, loadRelevance, loadTokenizer } from './parts.js';

export interface ChatOptions {
  character: string;
  model: string;
  quantization: Quantization;
  adapter?: string;
  method: Method;
  personaTurn: PersonaTurn;
  topK: number;
  /** Discriminators, for rag and for ledgers; like the others, paths or models of the hub. */
  relevance?: string;
  nli?: string;
  sampling: SamplingOptions & { maxNewTokens: number; seed: number };
  backend: BackendName | 'auto';
}

/** A character that one talks to. */
export interface ChatSession {
  name: string;
  /** The reply to a message; `onText` gets it piece by piece. */
  say(message: string, onText: (piece: string) => void): Promise<string>;
  /** What the last reply earned, statement by statement. Needs both discriminators. */
  ledger(): Promise<ScoredResponse>;
  dispose(): void;
}

/** Opens a conversation with a character. */
export async function openChat(options: ChatOptions, { progress }: RecipeContext): Promise<ChatSession> {
  const character = characterOf(loadCharacter(options.character));
  if (options.method === 'rag' && !options.relevance) {
    throw new UsageError('the method rag needs a relevance discriminator', 'give --relevance DIR');
  }
  const models = await findModels(
    { models: [options.model, options.relevance, options.nli], adapters: [options.adapter] },
    progress,
  );
  await chooseBackend(options.backend, progress);
  const base = models.path(options.model);
  const model = loadGemma(base, options);
  if (options.adapter) model.adapter = loadAdapter(models.path(options.adapter), model.linearLayers());
  const tokenizer = loadTokenizer(base, model.config.vocab_size);
  const relevance = options.relevance
    ? loadRelevance(character, models.get(options.relevance), silent)
    : undefined;
  const scorer =
    relevance && options.nli
      ? new ApcScorer(relevance, loadDiscriminator(models.get(options.nli), 'nli'))
      : undefined;
  const agent = new Agent(character, model, tokenizer, options, relevance);
  const conversation: ChatMessage[] = [];

  return {
    name: character.name,
    async say(message, onText) {
      conversation.push({ role: 'user', content: message });
      const [prompt] = await agent.prompts([conversation]);
      agent.checkRoom([prompt!], options.sampling.maxNewTokens);
      const turn = conversation.length;
      const generation = { ...options.sampling, stopTokens: agent.stopTokens };
      const stream = new TextStream(tokenizer);
      const show = (piece: string) => {
        if (piece !== '') onText(piece);
      };
      const request = { prompt: prompt!, key: `turn ${turn}` };
      const [made] = await generate(model, [request], generation, (_, id) => show(stream.push(id)));
      show(stream.end());
      const reply = tokenizer.decode(made!.ids).trim();
      conversation.push({ role: 'model', content: reply });
      return reply;
    },
    async ledger() {
      if (!scorer)
        throw new UsageError('a ledger needs both discriminators', 'give --relevance DIR and --nli DIR');
      const [query, response] = conversation.slice(-2).map(({ content }) => content);
      const [scored] = await scorer.score([{ query: query!, response: response! }]);
      return scored!;
    },
    dispose() {
      model.dispose();
      if (scorer) scorer.dispose();
      else relevance?.dispose();
    },
  };
}
