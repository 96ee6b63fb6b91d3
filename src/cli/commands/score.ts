import type { CommandModule } from 'yargs';
import type { ScoredItem } from '../../apc/score.js';
import type { BackendName } from '../../backends/select.js';
import { readRows, responsesTable } from '../../data/index.js';
import { score } from '../../recipes/score.js';
import { UsageError } from '../../support/errors.js';
import { terminalProgress } from '../../support/progress.js';
import * as shared from '../options.js';
import { ledgerText, print, printJson } from '../output.js';

interface Options {
  character: string;
  relevance: string;
  nli: string;
  query?: string;
  response?: string[];
  responses?: string;
  shard?: { index: number; count: number };
  backend: BackendName | 'auto';
  json?: boolean;
}

export const scoreCommand: CommandModule<object, Options> = {
  command: 'score',
  describe: 'The APC score of given responses, statement by statement',
  builder: (yargs) =>
    yargs
      .options({
        character: { ...shared.character, demandOption: true },
        relevance: { ...shared.relevance, demandOption: true },
        nli: { ...shared.nli, demandOption: true },
        query: { type: 'string', requiresArg: true, describe: 'What was said to the character' },
        response: {
          type: 'string',
          array: true,
          requiresArg: true,
          describe: 'What the character answered; several may follow',
        },
        responses: {
          type: 'string',
          requiresArg: true,
          describe: 'A file instead (.jsonl or .arrow), with query and response in each row',
        },
        shard: {
          ...shared.shard,
          describe: 'Score part i of n alone, e.g. 2/8; the parts one after the other are the whole',
        },
        backend: { ...shared.backend, default: 'auto' as const },
      })
      .conflicts('responses', ['query', 'response'])
      .group(
        ['character', 'relevance', 'nli', 'query', 'response', 'responses', 'shard', 'backend'],
        shared.OWN,
      )
      .epilogue(
        shared.helpEnd(
          {
            'two answers to one question':
              'truecast score --character odile --relevance runs/tiny-relevance/model --nli runs/tiny-nli/model \\\n' +
              '    --query "How old are you?" --response "Seventy-one." "Fifty."',
          },
          'APC asks of every statement whether the response says it, where it matters for the query, and whether ' +
            'the response leaves it uncontradicted, where it does not; ΔAPC is what the response earns over one ' +
            'that says nothing of the persona. The ledger has a line for each statement. Discriminators come ' +
            'from truecast train-discriminator, one for each task, or are the published ones, ' +
            'KomeijiForce/deberta-v3-large-relevance-12character and KomeijiForce/deberta-v3-large-nli-12character.',
          shared.aboutModels,
        ),
      ),
  async handler(argv) {
    const scored = await score(argv, partOf(readItems(argv), argv.shard), { progress: terminalProgress() });
    if (argv.json) return printJson(scored);
    for (const item of scored) {
      print(`query: ${item.query}\nresponse: ${item.response}`);
      print(`${ledgerText(item)}\n`);
    }
  },
};

function readItems({ query, response, responses }: Options): ScoredItem[] {
  if (responses) return readRows(responses, responsesTable);
  if (query === undefined || !response) {
    throw new UsageError('nothing to score', 'give --query and --response, or --responses FILE');
  }
  return response.map((text) => ({ query, response: text }));
}

/** A stretch of the responses: all parts are about as long, and keep their order. */
function partOf(items: ScoredItem[], shard: Options['shard']): ScoredItem[] {
  if (shard === undefined) return items;
  const { index, count } = shard;
  if (count > items.length) {
    throw new UsageError(`${items.length} responses cannot be parted in ${count}`, 'take fewer shards');
  }
  const end = (i: number) => Math.floor((i * items.length) / count);
  return items.slice(end(index - 1), end(index));
}
