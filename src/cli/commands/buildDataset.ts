import { join } from 'node:path';
import type { CommandModule } from 'yargs';
import { loadConfig } from '../../config/load.js';
import { buildDatasetConfigSchema, pricesSchema, teacherOverrides } from '../../config/teacher.js';
import { kappaText } from '../../evaluation/agreement.js';
import { type BuildDatasetResult, buildDataset, estimateDataset } from '../../recipes/buildDataset.js';
import { UsageError } from '../../support/errors.js';
import { terminalProgress } from '../../support/progress.js';
import { PACKAGE_ROOT } from '../../support/version.js';
import type { Estimate } from '../../teacher/estimate.js';
import { config, helpEnd, OWN, seed, shard } from '../options.js';
import { print, printJson, table } from '../output.js';

interface Options {
  document: string;
  name: string;
  language: string;
  config: string;
  out: string;
  id?: string;
  teacher?: string;
  seed?: number;
  shard?: { index: number; count: number };
  wait: boolean;
  merge?: string[];
  'dry-run': boolean;
  prices: string;
  'retry-failures': boolean;
  json?: boolean;
}

export const buildDatasetCommand: CommandModule<object, Options> = {
  command: 'build-dataset',
  describe: 'From a document about someone to a training set, labelled by a teacher',
  builder: (yargs) =>
    yargs
      .options({
        document: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe:
            'Text about the character: .txt, .md, a wiki page, or a character card (.png, .json, .charx)',
        },
        name: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: "The character's name, as statements are to use it",
        },
        language: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe: "The document's language: en, zh, ja, or one that you have written prompts in",
        },
        config,
        out: { type: 'string', demandOption: true, requiresArg: true, describe: "The data set's folder" },
        id: {
          type: 'string',
          requiresArg: true,
          describe: "The character's id, instead of the folder's name",
        },
        teacher: {
          type: 'string',
          requiresArg: true,
          describe: 'Instead of the configuration: openai:MODEL, local:MODEL or template',
        },
        seed,
        shard: { ...shard, describe: 'Ask part i of n of the questions alone, e.g. 2/8' },
        wait: {
          type: 'boolean',
          default: false,
          describe: 'With --shard: wait for what other shards store in the same folder',
        },
        merge: {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'Take over the answers of these folders first; several may follow',
        },
        'dry-run': {
          type: 'boolean',
          default: false,
          describe: 'Ask nothing: estimate calls, tokens and cost',
        },
        prices: {
          type: 'string',
          requiresArg: true,
          default: join(PACKAGE_ROOT, 'configs', 'teacher', 'prices.yaml'),
          defaultDescription: 'configs/teacher/prices.yaml',
          describe: 'Price table for --dry-run',
        },
        'retry-failures': {
          type: 'boolean',
          default: false,
          describe:
            'Ask again what is not in the data set (failures.arrow), and nothing else that is answered',
        },
      })
      .conflicts('shard', 'merge')
      .group(
        [
          'document',
          'name',
          'language',
          'config',
          'out',
          'id',
          'teacher',
          'seed',
          'dry-run',
          'prices',
          'retry-failures',
          'shard',
          'wait',
          'merge',
        ],
        OWN,
      )
      .epilogue(
        helpEnd(
          {
            'what it would cost':
              'truecast build-dataset --document ada.txt --name "Ada Byrne" --language en \\\n' +
              '    --config configs/teacher/openai.yaml --out data/ada --dry-run --prices prices.yaml',
            'try it out, without an account':
              'truecast build-dataset --document ada.txt --name "Ada Byrne" --language en \\\n' +
              '    --config configs/teacher/template.yaml --out data/ada-by-rules',
            'the data set, in data/ada':
              'truecast build-dataset --document ada.txt --name "Ada Byrne" --language en \\\n' +
              '    --config configs/teacher/openai.yaml --out data/ada',
          },
          'The teacher writes statements, queries and responses, verifies and labels them; every answer is kept in ' +
            'OUT/work before it is used, so that the same command goes on where it was stopped and nothing is paid ' +
            'twice. What could not be had (refusals, malformed answers, labels that disagree) is in failures.arrow ' +
            'and report.md with its reason. OUT is a data set folder: --character and configurations take it. Keys ' +
            'come from the environment alone (OPENAI_API_KEY, or the variable that teacher.keyFrom names). ' +
            'docs/scale.md shows how shards run on many machines.',
        ),
      ),
  async handler(argv) {
    const overrides = { seed: argv.seed, ...teacherOverrides(argv.teacher) };
    const settings = loadConfig(argv.config, buildDatasetConfigSchema, overrides);
    const { document, name, language, out, id } = argv;
    const source = { document, name, language, out, id, config: settings };
    const context = { progress: terminalProgress() };
    if (argv['dry-run']) {
      if (argv.shard || argv.merge)
        throw new UsageError('--dry-run is of the whole', 'leave --shard and --merge out');
      const estimate = await estimateDataset(source, loadConfig(argv.prices, pricesSchema), context);
      if (argv.json) return printJson(estimate);
      return print(estimateText(estimate, argv.prices));
    }
    const { shard, wait, merge, 'retry-failures': retryFailures } = argv;
    const result = await buildDataset({ ...source, shard, wait, merge, retryFailures }, context);
    if (argv.json) return printJson(result);
    print(resultText(result));
  },
};

function estimateText(estimate: Estimate, prices: string): string {
  const cost = (value: number | null) => (value === null ? '?' : `${value.toFixed(2)} ${estimate.currency}`);
  const rows = estimate.stages.map((stage) => [
    stage.stage,
    stage.model,
    String(stage.questions),
    String(stage.toAsk),
    String(stage.promptTokens),
    String(stage.completionTokens),
    cost(stage.cost),
  ]);
  const { toAsk, promptTokens, completionTokens } = estimate;
  const total = [
    'all',
    '',
    '',
    String(toAsk),
    String(promptTokens),
    String(completionTokens),
    cost(estimate.cost),
  ];
  const header = ['stage', 'model', 'questions', 'to ask', 'prompt tokens', 'answer tokens', 'cost'];
  const unpriced = estimate.unpriced.map((model) => `${prices} has no price of ${model}`);
  return [
    table([header, ...rows, total]),
    `An estimate: the number of statements is guessed from the document's length until they are there. Prices as of ${estimate.asOf}.`,
    ...unpriced,
  ].join('\n');
}

function resultText({
  folder,
  built,
  waiting,
  stages,
  rows,
  failures,
  second,
  toReview,
  merged,
  asked,
}: BuildDatasetResult): string {
  const lines = Object.entries(stages).map(
    ([stage, { questions, answered, failed, open }]) =>
      `${stage}: ${answered} of ${questions} answered` +
      `${failed > 0 ? `, ${failed} without a usable answer` : ''}${open > 0 ? `, ${open} of other shards` : ''}`,
  );
  lines.push(`asked: ${asked.questions} questions, ${asked.promptTokens} + ${asked.completionTokens} tokens`);
  if (merged > 0) lines.push(`merged: ${merged} statements that say what another one says`);
  const left = Object.entries(failures).map(([reason, count]) => `${count} ${reason}`);
  if (built && rows !== null) {
    const counts = Object.entries(rows).map(([name, count]) => `${count} ${name}`);
    lines.push(`data set: ${folder} (${counts.join(', ')})`);
    if (second !== null) {
      lines.push(
        `two teachers: ${second.disagreements} rows with two labels; κ of relevance ${kappaText(second.relevance)}, ` +
          `of nli ${kappaText(second.nli)}`,
      );
    }
    if (toReview > 0) lines.push(`to check: ${toReview} rows; truecast review ${folder}`);
    if (left.length > 0) {
      lines.push(`left out: ${left.join(', ')}; see ${join(folder, 'report.md')}, and --retry-failures`);
    }
  } else if (waiting !== null) {
    lines.push(`the stage ${waiting} waits for other shards: run this one again when they are done`);
  } else {
    lines.push('this shard is done: when all are, the same command without --shard makes the data set');
  }
  return lines.join('\n');
}
