import { Agent } from '../agents/agent.js';
import type { EuConfig } from '../config/schema.js';
import { type DialogueRow, loadCharacter } from '../data/index.js';
import { loadGemma } from '../models/decoders.js';
import { sftTask, type TokenizedDialogue } from '../sft/task.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import type { Progress } from '../support/progress.js';
import { train } from '../training/loop.js';
import { baseName, baseProvenance, saveProvenance } from './artifacts.js';
import { beginRun, type RecipeContext } from './begin.js';
import { attachAdapter, characterOf, loadTokenizer } from './parts.js';

export interface EuResult {
  run: string;
  adapter: string;
  dialogues: number;
}

/** Experience upload: supervised fine-tuning of a LoRA on the character's dialogues. */
export async function trainEu(config: EuConfig, context: RecipeContext): Promise<EuResult> {
  const { progress } = context;
  const loaded = loadCharacter(config.character);
  const dialogues = (loaded.dialogues ?? []).filter(({ split }) => split === 'train');
  if (dialogues.length === 0) {
    throw new TruecastError(
      `${config.character} has no dialogues to learn from`,
      'annotate queries with responses first',
    );
  }
  const { folder, models } = await beginRun(config, { models: [config.model.base] }, context);
  const result: EuResult = { run: folder.path, adapter: folder.file('adapter'), dialogues: dialogues.length };
  if (folder.has('result.json')) {
    progress.note(`${folder.path} is finished`);
    return result;
  }
  const { seed } = config.run;
  const base = models.get(config.model.base);
  const model = loadGemma(base.path, config.model);
  const adapter = attachAdapter(model, config.lora, seed);
  const character = characterOf(loaded);
  // experience upload tells the model no statements: what it knows comes from the dialogues
  const agent = new Agent(character, model, loadTokenizer(base.path, model.config.vocab_size), {
    ...config.agent,
    method: 'eu',
  });
  const rows = await tokenizeDialogues(agent, dialogues, progress);
  const task = sftTask(model, adapter.weights, rows, { ...config.training, seed });
  progress.note(`${dialogues.length} dialogues, ${task.totalSteps} steps`);

  await train(task, { ...config.training, seed }, folder, progress);

  adapter.save(result.adapter, { nameOrPath: baseName(base), task: 'CAUSAL_LM' });
  saveProvenance(result.adapter, {
    character: character.id,
    method: 'eu',
    ...baseProvenance(base),
    quantization: config.model.quantization,
  });
  const losses = folder.metrics().map((row) => Number(row.loss));
  writeFileAtomic(
    folder.file('report.md'),
    `# ${config.run.name}\n\nExperience upload of ${character.name}: ${dialogues.length} dialogues, ` +
      `${task.totalSteps} steps, loss ${losses[0]!.toFixed(3)} → ${losses.at(-1)!.toFixed(3)}.\n`,
  );
  folder.writeJson('result.json', result);
  model.dispose();
  return result;
}

async function tokenizeDialogues(
  agent: Agent,
  dialogues: readonly DialogueRow[],
  progress: Progress,
): Promise<TokenizedDialogue[]> {
  const prompts = await agent.prompts(dialogues.map(({ query }) => [{ role: 'user', content: query }]));
  const rows = dialogues.map(({ character, queryId, response }, i) => ({
    id: `${character}/${queryId}`,
    prompt: prompts[i]!,
    response: agent.replyTokens(response),
  }));
  const { maxLength } = agent.model;
  const fitting = rows.filter(({ prompt, response }) => prompt.length + response.length <= maxLength);
  if (fitting.length === 0) {
    throw new TruecastError(
      `all ${rows.length} dialogues are longer than the model's ${maxLength} tokens`,
      'take a model with a longer context',
    );
  }
  const dropped = rows.length - fitting.length;
  if (dropped > 0) {
    progress.note(
      `warning: ${dropped} of ${rows.length} dialogues are left out: longer than ${maxLength} tokens`,
    );
  }
  return fitting;
}
