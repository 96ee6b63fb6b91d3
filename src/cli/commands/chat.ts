import { createInterface } from 'node:readline';
import type { Argv, CommandModule } from 'yargs';
import type { Method } from '../../agents/agent.js';
import type { PersonaTurn } from '../../agents/prompts.js';
import type { BackendName } from '../../backends/select.js';
import { QUANTIZATIONS, type Quantization } from '../../models/nf4.js';
import { openChat } from '../../recipes/chat.js';
import { UsageError } from '../../support/errors.js';
import { terminalProgress } from '../../support/progress.js';
import * as shared from '../options.js';
import { numeric } from '../options.js';
import { ledgerText, print } from '../output.js';

interface Options {
  character: string;
  model: string;
  quantization: Quantization;
  adapter?: string;
  method: Method;
  personaTurn: PersonaTurn;
  topK: number;
  relevance?: string;
  nli?: string;
  temperature: number;
  topP: number;
  maxNewTokens: number;
  seed: number;
  showLedger: boolean;
  backend: BackendName | 'auto';
  json?: boolean;
}

export const chatCommand: CommandModule<object, Options> = {
  command: 'chat',
  describe: 'Talk to a character: a line is a message, the end of input (Ctrl-D) ends it',
  // yargs adds the names in camel case; its types do not know
  builder: (yargs) =>
    yargs
      .options({
        character: { ...shared.character, demandOption: true },
        model: {
          type: 'string',
          demandOption: true,
          requiresArg: true,
          describe:
            'The base model: a path such as checkpoints/tiny-gemma, or a name such as google/gemma-1.1-2b-it',
        },
        quantization: {
          choices: QUANTIZATIONS,
          default: 'nf4-double' as const,
          describe: 'How the base is held in memory; as in the training of the adapter',
        },
        adapter: {
          type: 'string',
          requiresArg: true,
          describe: 'An adapter: what train-dpo or train-eu made (RUN/adapter), or a PEFT one of the hub',
        },
        method: { ...shared.method, default: 'vanilla' as const },
        'persona-turn': {
          choices: ['user', 'model'] as const,
          default: 'user' as const,
          describe: 'Where the persona is told',
        },
        'top-k': {
          ...numeric('top-k', (n) => Number.isInteger(n) && n >= 1, 'a whole number from 1'),
          default: 5,
          describe: 'Statements that rag retrieves',
        },
        relevance: shared.relevance,
        nli: shared.nli,
        temperature: {
          ...numeric('temperature', (n) => n >= 0 && n < Infinity, 'a number from 0'),
          default: 1,
          describe: '0: always the likeliest token',
        },
        'top-p': {
          ...numeric('top-p', (n) => n > 0 && n <= 1, 'a number above 0, up to 1'),
          default: 1,
          describe: 'Sample from the likeliest tokens of this total probability',
        },
        'max-new-tokens': {
          ...numeric('max-new-tokens', (n) => Number.isInteger(n) && n >= 1, 'a whole number from 1'),
          default: 256,
          describe: 'Longest reply',
        },
        seed: shared.samplingSeed,
        'show-ledger': {
          type: 'boolean',
          default: false,
          describe: 'After each reply, what every statement says to it (needs --relevance and --nli)',
        },
        backend: { ...shared.backend, default: 'auto' as const },
      })
      .group(
        ['character', 'model', 'quantization', 'adapter', 'method', 'persona-turn', 'top-k', 'backend'],
        'Who plays whom:',
      )
      .group(['relevance', 'nli', 'show-ledger'], 'Discriminators:')
      .group(['temperature', 'top-p', 'max-new-tokens', 'seed'], 'Sampling:')
      .epilogue(
        shared.helpEnd(
          {
            'what truecast demo has trained':
              'truecast chat --character odile --model checkpoints/tiny-gemma --adapter runs/demo/dpo/adapter \\\n' +
              '    --method rag --relevance runs/demo/relevance/model --nli runs/demo/nli/model --show-ledger',
          },
          'The method rag needs --relevance, a ledger --relevance and --nli: truecast train-discriminator makes them.',
          shared.aboutModels,
        ),
      ) as unknown as Argv<Options>,
  async handler(argv) {
    const { temperature, topP, maxNewTokens, seed } = argv;
    if (argv.showLedger && (argv.relevance === undefined || argv.nli === undefined)) {
      throw new UsageError(
        '--show-ledger needs both discriminators',
        'give --relevance DIR and --nli DIR, made by truecast train-discriminator',
      );
    }
    const sampling = { temperature, topP, topK: 0, maxNewTokens, seed };
    const session = await openChat({ ...argv, sampling }, { progress: terminalProgress() });
    const input = createInterface({ input: process.stdin });
    const prompt = () => process.stderr.write('you: ');
    prompt();
    for await (const line of input) {
      if (line.trim() === '') {
        prompt();
        continue;
      }
      if (argv.json) {
        const reply = await session.say(line, () => {});
        const ledger = argv.showLedger ? { ledger: await session.ledger() } : {};
        // a line each: a reader need not wait for the end
        print(JSON.stringify({ query: line, reply, ...ledger }));
      } else {
        process.stderr.write(`${session.name}: `);
        await session.say(line, (piece) => process.stdout.write(piece));
        print('');
        if (argv.showLedger) print(ledgerText(await session.ledger()));
      }
      prompt();
    }
    process.stderr.write('\n');
    session.dispose();
  },
};
