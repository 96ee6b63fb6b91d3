/**
 * Trains checkpoints/tiny-judge-relevance and tiny-judge-nli: the shipped judges, fine-tuned from
 * tiny-deberta on three characters that the demo does not play.
 *
 *   npx vite-node scripts/base/judges.ts
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import { discriminatorConfigSchema } from '../../src/config/schema.js';
import { loadFormat, saveFormat, TASK_LABELS } from '../../src/discriminators/format.js';
import { loadSequenceClassifier, saveClassifier } from '../../src/models/classifiers.js';
import { openModel } from '../../src/models/files.js';
import { trainDiscriminator } from '../../src/recipes/trainDiscriminator.js';
import { terminalProgress } from '../../src/support/progress.js';

for (const task of ['relevance', 'nli'] as const) {
  const config = loadConfig(`configs/tiny/judge-${task}.yaml`, discriminatorConfigSchema);
  const { model: from } = await trainDiscriminator({ ...config, task }, { progress: terminalProgress() });
  const { model } = loadSequenceClassifier(from, 'required');
  const to = join('checkpoints', `tiny-judge-${task}`);
  rmSync(to, { recursive: true, force: true });
  saveClassifier(to, openModel(from), model.weights, TASK_LABELS[task], 'BF16');
  saveFormat(to, loadFormat(from));
}
