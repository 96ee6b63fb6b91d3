import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { evaluateConfigSchema } from '../../config/schema.js';
import { comparisonRows, effectSentences } from '../../evaluation/table.js';
import { type EvaluateResult, evaluate } from '../../recipes/evaluate.js';
import { terminalProgress } from '../../support/progress.js';
import {
  aboutModels,
  aboutRuns,
  backend,
  config,
  helpEnd,
  OWN,
  runName,
  runOverrides,
  seed,
} from '../options.js';
import { print, printJson, table } from '../output.js';

interface Options {
  config: string;
  name?: string;
  seed?: number;
  backend?: string;
  json?: boolean;
}

export const evaluateCommand: CommandModule<object, Options> = {
  command: 'evaluate',
  describe: 'Play held-out queries by each method, with and without DPO, and judge the replies',
  builder: (yargs) =>
    yargs
      .options({ config, name: runName, seed, backend })
      .group(['config', 'name', 'seed', 'backend'], OWN)
      .epilogue(
        helpEnd(
          { 'base against trained': 'truecast evaluate --config configs/tiny/evaluate.yaml' },
          'The judge is two discriminators that gave no reward: trained on other characters, say. The ' +
            'configuration names them, the methods to compare, and for each the adapters of train-eu and ' +
            'train-dpo. Every reply is kept in RUN/replies, the tables in RUN/report.md.',
          aboutModels,
          aboutRuns,
        ),
      ),
  async handler(argv) {
    const settings = loadConfig(argv.config, evaluateConfigSchema, runOverrides(argv));
    const result = await evaluate(settings, { progress: terminalProgress() });
    if (argv.json) return printJson(result);
    printEvaluation(result);
  },
};

export function printEvaluation(result: EvaluateResult): void {
  print(`${result.character}, ${result.queries} held-out queries`);
  print(table(comparisonRows(result.methods)));
  for (const sentence of effectSentences(result.methods)) print(sentence);
  for (const warning of result.warnings) print(`Warning: ${warning}.`);
  print(`report: ${result.run}/report.md`);
}
