import { createInterface } from 'node:readline';
import type { CommandModule } from 'yargs';
import type { Method } from '../../agents/agent.js';
import type { PersonaTurn } from '../../agents/prompts.js';
import type { BackendName } from '../../backends/select.js';
import { openChat } from '../../recipes/chat.js';
import { terminalProgress } from '../../support/progress.js';
import * as shared from '../options.js';
import { ledgerText, print, printJson } from '../output.js';

interface Options {
  character: string;
  model: string;
  quantization: 'none' | 'nf4' | 'nf4-double';
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
  describe: 'Talk to a character; a line is a message, the end of input ends it',
  builder: {
    character: { ...shared.character, demandOption: true },
    model: { type: 'string', demandOption: true, requiresArg: true, describe: 'Folder of the base model' },
    quantization: {
      choices: ['none', 'nf4', 'nf4-double'] as const,
      default: 'nf4-double' as const,
      describe: 'Of the base',
    },
    adapter: { type: 'string', requiresArg: true, describe: 'Folder of a trained adapter' },
    method: { ...shared.method, default: 'vanilla' as const },
    'persona-turn': {
      choices: ['user', 'model'] as const,
      default: 'user' as const,
      describe: 'Where the persona is told',
    },
    'top-k': { type: 'number', default: 5, describe: 'Statements that rag retrieves' },
    relevance: shared.relevance,
    nli: shared.nli,
    temperature: { type: 'number', default: 1, describe: '0: always the likeliest token' },
    'top-p': {
      type: 'number',
      default: 1,
      describe: 'Sample from the likeliest tokens of this total probability',
    },
    'max-new-tokens': { type: 'number', default: 256, describe: 'Longest reply' },
    seed: { type: 'number', default: 1, describe: 'Of the sampling' },
    'show-ledger': {
      type: 'boolean',
      default: false,
      describe: 'After each reply, what every statement says to it (needs --relevance and --nli)',
    },
    backend: { ...shared.backend, default: 'auto' as const },
  },
  async handler(argv) {
    const { temperature, topP, maxNewTokens, seed } = argv;
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
        printJson({ query: line, reply, ...(argv.showLedger ? { ledger: await session.ledger() } : {}) });
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
