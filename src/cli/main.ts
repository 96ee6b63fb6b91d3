#!/usr/bin/env node
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { systemError, TruecastError, UsageError } from '../support/errors.js';
import { VERSION } from '../support/version.js';
import { buildDatasetCommand } from './commands/buildDataset.js';
import { cardCommand } from './commands/card.js';
import { chatCommand } from './commands/chat.js';
import { datasetCommand } from './commands/dataset/index.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { downloadCommand } from './commands/download.js';
import { evaluateCommand } from './commands/evaluate.js';
import { exportCommand } from './commands/export.js';
import { reviewCommand } from './commands/review.js';
import { scoreCommand } from './commands/score.js';
import { setupCommand } from './commands/setup.js';
import { trainDiscriminatorCommand } from './commands/trainDiscriminator.js';
import { trainDpoCommand } from './commands/trainDpo.js';
import { trainEuCommand } from './commands/trainEu.js';

/** Options that take several values. */
const SEVERAL = ['_', 'response', 'models', 'sources', 'datasets', 'set', 'merge'];

const debug = process.argv.includes('--debug');

/** One message, the remedy, no stack trace; 1 for a failed run, 2 for a wrong call. */
function fail(thrown: unknown): never {
  const error = systemError(thrown) ?? thrown;
  if (error instanceof TruecastError) {
    process.stderr.write(`error: ${error.message}\n${error.remedy ? `  → ${error.remedy}\n` : ''}`);
    if (debug)
      process.stderr.write(`${error.stack}\n${error.cause instanceof Error ? `${error.cause.stack}\n` : ''}`);
    process.exit(error.exitCode);
  }
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(`internal error: ${message}\n`);
  process.stderr.write(
    debug && error instanceof Error ? `${error.stack}\n` : '  → run again with --debug and report it\n',
  );
  process.exit(1);
}

// a reader of our output that stops early, such as head, is no error
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

/** Commands that keep what they have done: stopped, they go on. */
const GOES_ON = [
  'demo',
  'download',
  'build-dataset',
  'train-discriminator',
  'train-eu',
  'train-dpo',
  'evaluate',
  'review',
];
let command = '';

// between two steps nothing is half-written; what a step has not saved is done again
for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    const showCursor = process.stderr.isTTY ? '\x1b[?25h' : '';
    const goesOn = GOES_ON.includes(command) ? ': the same command goes on' : '';
    process.stderr.write(`${showCursor}\nstopped${goesOn}\n`);
    process.exit(code);
  });
}

try {
  await yargs(hideBin(process.argv))
    .scriptName('truecast')
    .usage(
      '$0 <command>\n\nTurns a description of a character into an AI character that stays true to all of it.',
    )
    .command(demoCommand)
    .command(trainDiscriminatorCommand)
    .command(trainEuCommand)
    .command(trainDpoCommand)
    .command(evaluateCommand)
    .command(scoreCommand)
    .command(chatCommand)
    .command(exportCommand)
    .command(buildDatasetCommand)
    .command(datasetCommand)
    .command(cardCommand)
    .command(reviewCommand)
    .command(downloadCommand)
    .command(setupCommand)
    .command(doctorCommand)
    .option('json', { type: 'boolean', describe: 'Results as JSON on standard output', global: true })
    .option('debug', { type: 'boolean', describe: 'Stack traces with errors', global: true })
    .demandCommand(1, 'name a command')
    .middleware((argv) => {
      command = String(argv._[0]);
    })
    .check((argv) => {
      for (const [name, value] of Object.entries(argv)) {
        if (Array.isArray(value) && !SEVERAL.includes(name))
          throw new UsageError(`--${name} is given twice`, 'give it once');
      }
      return true;
    })
    .epilogue(
      'From a description to a character: train-discriminator (once for relevance, once for nli), train-dpo, ' +
        'evaluate, chat. demo does all of it in one go, with the tiny models that come along. Each command ' +
        'has its own --help; configs/ has configurations to begin with.',
    )
    .strict()
    .recommendCommands()
    .version(VERSION)
    .help()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message: string | null, error?: Error) => {
      // what yargs throws itself, or makes of an option's refusal, is a wrong call
      if (error && error.name !== 'YError') throw error;
      const text = message ?? error?.message ?? 'wrong call';
      const given = hideBin(process.argv).find((argument) => !argument.startsWith('-'));
      throw new UsageError(
        text.startsWith('Did you mean') ? `there is no command ${given}. ${text}` : text,
        'truecast --help lists the commands, truecast COMMAND --help its options',
      );
    })
    .parseAsync();
} catch (error) {
  fail(error);
}
