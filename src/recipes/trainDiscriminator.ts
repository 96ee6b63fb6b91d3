import type { DiscriminatorConfig } from '../config/schema.js';
import { loadCharacter } from '../data/index.js';
import { Discriminator } from '../discriminators/discriminator.js';
import { type ClassifierReport, evaluateDiscriminator } from '../discriminators/evaluate.js';
import { type DiscriminatorTask, defaultFormat, saveFormat } from '../discriminators/format.js';
import { labelledRows } from '../discriminators/rows.js';
import { discriminatorTask } from '../discriminators/train.js';
import { loadSequenceClassifier, saveClassifier } from '../models/classifiers.js';
import { openModel } from '../models/files.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { percent, percentInterval } from '../support/numbers.js';
import { train } from '../training/loop.js';
import { beginRun, type RecipeContext } from './begin.js';
import { loadTokenizer } from './parts.js';

export interface DiscriminatorResult {
  /** The run's folder; the discriminator is in `model/` under it. */
  run: string;
  model: string;
  task: DiscriminatorTask;
  heldOut: ClassifierReport;
}

/** Fine-tunes an encoder as relevance or NLI discriminator and measures it on held-out queries. */
export async function trainDiscriminator(
  config: DiscriminatorConfig & { task: DiscriminatorTask },
  context: RecipeContext,
): Promise<DiscriminatorResult> {
  const { progress } = context;
  const { task } = config;
  const characters = config.characters.map((id) => loadCharacter(id));
  const trainRows = characters.flatMap((character) => labelledRows(character, task, 'train'));
  const heldOutRows = characters.flatMap((character) => labelledRows(character, task, 'held-out'));
  if (heldOutRows.length === 0) {
    throw new TruecastError(
      `no held-out rows of ${config.characters.join(', ')} to measure on`,
      'give its statements more queries: one of each is kept for training',
    );
  }
  const { folder, models } = await beginRun(config, { models: [config.base] }, context);
  const result = { run: folder.path, model: folder.file('model'), task };
  if (folder.has('result.json')) {
    progress.note(`${folder.path} is finished`);
    return { ...result, heldOut: folder.readJson('result.json') as ClassifierReport };
  }

  const labels = defaultFormat(task, 8).labels.length;
  const base = models.path(config.base);
  const loaded = loadSequenceClassifier(base, { labels, seed: config.run.seed });
  if (loaded.newTensors.length > 0) progress.note(`new in the head: ${loaded.newTensors.join(', ')}`);
  const maxLength = Math.min(config.maxLength, loaded.model.maxLength);
  const format = {
    ...defaultFormat(task, maxLength),
    trainedOn: { characters: characters.map(({ id }) => id), data: 'train', seed: config.run.seed },
  };
  const tokenizer = loadTokenizer(base, loaded.model.vocabularySize);
  const discriminator = new Discriminator(loaded.model, tokenizer, format, config.base);
  const { epochs, batchSize, recompute } = config.training;
  const options = { epochs, batchSize, recompute, seed: config.run.seed };
  const training = discriminatorTask(discriminator, trainRows, options);
  const cut = discriminator.takeOverlong();
  if (cut > 0)
    progress.note(
      `${cut} of ${trainRows.length} rows are longer than ${maxLength} tokens: their ends are cut`,
    );
  progress.note(
    `${task}: ${trainRows.length} rows of ${characters.length} characters, ${training.totalSteps} steps`,
  );

  await train(training, { ...config.training, seed: config.run.seed }, folder, progress);

  const heldOut = await evaluateDiscriminator(discriminator, heldOutRows, progress);
  saveClassifier(result.model, openModel(base), loaded.model.weights, format.labels);
  saveFormat(result.model, format);
  writeFileAtomic(folder.file('report.md'), report(config, trainRows.length, heldOut, format.labels));
  folder.writeJson('result.json', heldOut);
  discriminator.dispose();
  return { ...result, heldOut };
}

function report(
  config: DiscriminatorConfig,
  rows: number,
  { rows: heldOut, accuracy, interval, majority, confusion, precision, recall }: ClassifierReport,
  labels: readonly string[],
): string {
  const lines = labels.map(
    (label, c) =>
      `| ${label} | ${confusion[c]!.join(' | ')} | ${percent(precision[c]!)} | ${percent(recall[c]!)} |`,
  );
  return `# ${config.run.name}

${config.base}, fine-tuned on ${rows} rows of ${config.characters.join(', ')} (queries of the train split).

Accuracy on ${heldOut} rows of held-out queries: **${percent(accuracy)}** (95 % interval ${percentInterval(interval)}; always
answering the most frequent class: ${percent(majority)}).

| true \\ predicted | ${labels.join(' | ')} | precision | recall |
|---|${labels.map(() => '---|').join('')}---|---|
${lines.join('\n')}
`;
}
