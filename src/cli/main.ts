#!/usr/bin/env node
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { TruecastError, UsageError } from '../support/errors.js';
import { VERSION } from '../support/version.js';
import { chatCommand } from './commands/chat.js';
import { datasetCommand } from './commands/dataset.js';
import { demoCommand } from './commands/demo.js';
import { doctorCommand } from './commands/doctor.js';
import { evaluateCommand } from './commands/evaluate.js';
import { scoreCommand } from './commands/score.js';
import { setupCommand } from './commands/setup.js';
import { trainDiscriminatorCommand } from './commands/trainDiscriminator.js';
import { trainDpoCommand } from './commands/trainDpo.js';
import { trainEuCommand } from './commands/trainEu.js';

const debug = process.argv.includes('--debug');

/** One message, the remedy, no stack trace; 1 for a failed run, 2 for a wrong call. */
function fail(error: unknown): never {
  if (error instanceof TruecastError) {
    process.stderr.write(`error: ${error.message}\n${error.remedy ? `  → ${error.remedy}\n` : ''}`);
    if (debug) process.stderr.write(`${error.stack}\n`);
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
    .command(datasetCommand)
    .command(setupCommand)
    .command(doctorCommand)
    .option('json', { type: 'boolean', describe: 'Results as JSON on standard output', global: true })
    .option('debug', { type: 'boolean', describe: 'Stack traces with errors', global: true })
    .demandCommand(1, 'name a command')
    .strict()
    .recommendCommands()
    .version(VERSION)
    .help()
    .wrap(Math.min(110, process.stdout.columns ?? 110))
    .fail((message, error) => {
      if (error) throw error;
      throw new UsageError(message, 'truecast --help, or truecast COMMAND --help, lists what there is');
    })
    .parseAsync();
} catch (error) {
  fail(error);
}
