import { Agent } from '../agents/agent.js';
import type { ApcScorer } from '../apc/score.js';
import type { EvaluateConfig } from '../config/schema.js';
import { type LoadedCharacter, loadCharacter, resumableTable } from '../data/index.js';
import type { Discriminator } from '../discriminators/discriminator.js';
import { type ClassifierReport, evaluateDiscriminator } from '../discriminators/evaluate.js';
import { loadFormat } from '../discriminators/format.js';
import { labelledRows } from '../discriminators/rows.js';
import { methodMetrics, pairedDifferences } from '../evaluation/metrics.js';
import { type ReplyRow, repliesTable, replyRow } from '../evaluation/rows.js';
import {
  comparisonRows,
  type DpoEffect,
  effectSentences,
  type MethodResult,
  markdownTable,
} from '../evaluation/table.js';
import { loadGemma } from '../models/decoders.js';
import type { GemmaForCausalLM } from '../models/gemma/model.js';
import { loadAdapter } from '../models/lora/load.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { percent, percentInterval } from '../support/numbers.js';
import type { Progress } from '../support/progress.js';
import { bootstrapInterval, mean } from '../support/statistics.js';
import type { RunFolder } from '../training/runFolder.js';
import { loadProvenance, weightsHash } from './artifacts.js';
import { beginRun, type RecipeContext } from './begin.js';
import type { Models } from './models.js';
import { characterOf, loadRelevance, loadScorer, loadTokenizer, noteCuts } from './parts.js';

export interface EvaluateResult {
  run: string;
  character: string;
  queries: number;
  methods: MethodResult[];
  /** The judges on the character's own annotated held-out rows; absent for a plain persona. */
  judges?: { relevance: ClassifierReport; nli: ClassifierReport };
  warnings: string[];
}

/** Plays held-out queries by each method, with and without DPO, and has a judge score the replies. */
export async function evaluate(config: EvaluateConfig, context: RecipeContext): Promise<EvaluateResult> {
  const { progress } = context;
  const loaded = loadCharacter(config.character);
  const character = characterOf(loaded);
  const queries = evaluationQueries(loaded, config.character);
  const names = {
    models: [config.judge.relevance, config.judge.nli, config.model.base, config.retriever],
    adapters: config.methods.flatMap(({ adapter, dpo }) => [adapter, dpo]),
  };
  const { folder, models } = await beginRun(config, names, context);
  if (folder.has('result.json')) {
    progress.note(`${folder.path} is finished`);
    return folder.readJson('result.json') as EvaluateResult;
  }

  const warnings = judgeWarnings(config, models, character.id);
  for (const warning of warnings) progress.note(`warning: ${warning}`);

  const judges = { relevance: models.get(config.judge.relevance), nli: models.get(config.judge.nli) };
  const judge = loadScorer(character, judges, progress);
  const base = models.path(config.model.base);
  const model = loadGemma(base, config.model);
  const retriever = config.retriever
    ? loadRelevance(character, models.get(config.retriever), progress)
    : undefined;
  const tokenizer = loadTokenizer(base, model.config.vocab_size);
  const agentOf = ({ method }: EvaluateConfig['methods'][number]) => {
    const options = { method, personaTurn: config.personaTurn, topK: config.topK };
    return new Agent(character, model, tokenizer, options, retriever);
  };
  const wear = (adapter: string | undefined) =>
    useAdapter(model, adapter === undefined ? undefined : models.path(adapter));
  const play = (entry: EvaluateConfig['methods'][number], adapter: string | undefined, dpo: boolean) => {
    wear(adapter);
    return judgedReplies(agentOf(entry), judge, queries, config, folder, { dpo, progress });
  };
  // what cannot be played is said at once, not after hours of playing the rest
  for (const entry of config.methods) {
    for (const adapter of [entry.adapter, entry.dpo]) wear(adapter);
    const prompts = await agentOf(entry).prompts(
      queries.map(({ text }) => [{ role: 'user', content: text }]),
    );
    agentOf(entry).checkRoom(prompts, config.sampling.maxNewTokens);
  }

  // of all queries at once, fresh or resumed: the same batches give the same numbers
  (await judge.relevance.of(queries.map(({ text }) => text))).dispose();
  const reports = await judgeReports(judge, loaded, progress);

  const methods: MethodResult[] = [];
  for (const entry of config.methods) {
    const before = await play(entry, entry.adapter, false);
    const result: MethodResult = { method: entry.method, before: methodMetrics(before) };
    if (entry.dpo) {
      const after = await play(entry, entry.dpo, true);
      result.after = methodMetrics(after);
      result.effect = dpoEffect(before, after, config);
    }
    methods.push(result);
  }

  noteCuts([judge.relevance.discriminator, judge.nli], progress);
  const result: EvaluateResult = {
    run: folder.path,
    character: character.name,
    queries: queries.length,
    methods,
    warnings,
    ...(reports ? { judges: reports } : {}),
  };
  writeFileAtomic(folder.file('report.md'), report(config, result));
  folder.writeJson('result.json', result);
  model.dispose();
  judge.dispose();
  retriever?.dispose();
  return result;
}

interface EvaluationQuery {
  queryId: string;
  text: string;
}

function evaluationQueries(loaded: LoadedCharacter, from: string): EvaluationQuery[] {
  const heldOut = loaded.queries.filter(({ split }) => split === 'held-out');
  // a plain persona's queries trained nothing that truecast knows of: all are held out
  const queries = heldOut.length > 0 ? heldOut : loaded.queries;
  if (queries.length === 0) throw new TruecastError(`${from} has no held-out queries`, 'add queries to it');
  return queries;
}

/** A judge that gave the reward, or learnt from this character's rows, proves little: says so. */
function judgeWarnings({ judge, methods }: EvaluateConfig, models: Models, character: string): string[] {
  const warnings: string[] = [];
  const hashes = {
    relevance: weightsHash(models.path(judge.relevance)),
    nli: weightsHash(models.path(judge.nli)),
  };
  for (const { method, dpo } of methods) {
    const reward = dpo ? loadProvenance(models.path(dpo))?.reward : undefined;
    for (const task of ['relevance', 'nli'] as const) {
      if (reward?.[task] === hashes[task]) {
        warnings.push(
          `the ${task} judge is the discriminator that gave ${method}'s reward: its verdict is circular`,
        );
      }
    }
  }
  for (const task of ['relevance', 'nli'] as const) {
    const { path, repository } = models.get(judge[task]);
    const { trainedOn } = loadFormat(path, repository);
    if (trainedOn?.characters.includes(character)) {
      warnings.push(`the ${task} judge was trained on rows of ${character}`);
    }
  }
  return warnings;
}

async function judgeReports(
  judge: ApcScorer,
  loaded: LoadedCharacter,
  progress: Progress,
): Promise<EvaluateResult['judges']> {
  if (!loaded.relevance || !loaded.nli) return undefined;
  const of = (discriminator: Discriminator, task: 'relevance' | 'nli') =>
    evaluateDiscriminator(discriminator, labelledRows(loaded, task, 'held-out'), progress);
  return { relevance: await of(judge.relevance.discriminator, 'relevance'), nli: await of(judge.nli, 'nli') };
}

function useAdapter(model: GemmaForCausalLM, folder: string | undefined): void {
  model.adapter?.dispose();
  model.adapter = folder === undefined ? undefined : loadAdapter(folder, model.linearLayers());
}

/** Replies of one method, judged; kept as they come, so that a stopped run goes on. */
async function judgedReplies(
  agent: Agent,
  judge: ApcScorer,
  queries: readonly EvaluationQuery[],
  config: EvaluateConfig,
  folder: RunFolder,
  { dpo, progress }: { dpo: boolean; progress: Progress },
): Promise<ReplyRow[]> {
  const { method } = agent.options;
  const asked = queries.flatMap(({ queryId, text }) =>
    Array.from({ length: config.samples }, (_, sample) => ({ queryId, query: text, sample })),
  );
  const { batchSize } = config.sampling;
  const sampling = { ...config.sampling, seed: config.run.seed };
  const path = folder.file('replies', `${method}${dpo ? '-dpo' : ''}.arrow`);
  const size = { total: asked.length, chunk: batchSize };
  return resumableTable(path, repliesTable, size, async (begin, end) => {
    const part = asked.slice(begin, end).map((one) => ({ ...one, key: `${one.queryId}/${one.sample}` }));
    const what = `${method}${dpo ? ' + DPO' : ''}, replies ${begin + 1}–${end} of ${asked.length}`;
    const replies = await agent.reply(part, sampling, { batchSize, progress, what });
    const scored = await judge.score(part.map(({ query }, i) => ({ query, response: replies[i]!.text })));
    return scored.map((item, i) => {
      const { queryId, sample } = part[i]!;
      const { tokens, stopped } = replies[i]!;
      return replyRow(item, { method, dpo, queryId, sample, tokens, stopped });
    });
  });
}

function dpoEffect(before: ReplyRow[], after: ReplyRow[], { bootstrap, run }: EvaluateConfig): DpoEffect {
  const deltas = pairedDifferences(before, after, ({ delta }) => delta);
  const violations = pairedDifferences(before, after, (reply) => 100 * reply.violations);
  return {
    delta: mean(deltas),
    interval: bootstrapInterval(deltas, bootstrap, run.seed),
    violationsPer100: mean(violations),
    violationsInterval: bootstrapInterval(violations, bootstrap, run.seed),
    lengthRatio: methodMetrics(after).meanLength / methodMetrics(before).meanLength,
  };
}

function report(
  config: EvaluateConfig,
  { character, queries, methods, judges, warnings }: EvaluateResult,
): string {
  const judged = judges
    ? `On ${character}'s annotated held-out rows the judges are right on ${percent(judges.relevance.accuracy)} ` +
      `(${percentInterval(judges.relevance.interval)}) for relevance and ${percent(judges.nli.accuracy)} ` +
      `(${percentInterval(judges.nli.interval)}) for entailment; always giving the most frequent answer, on ` +
      `${percent(judges.relevance.majority)} and ${percent(judges.nli.majority)}.\n\n`
    : '';
  return `# ${config.run.name}

${character}: ${queries} held-out queries, ${config.samples} replies each. Base ${config.model.base}
(${config.model.quantization}), judges ${config.judge.relevance} and ${config.judge.nli}.

${markdownTable(comparisonRows(methods))}

${effectSentences(methods)
  .map((sentence) => `- ${sentence}`)
  .join('\n')}

${judged}${warnings.map((warning) => `**Warning:** ${warning}.\n`).join('')}
ΔAPC = active − passive: what a reply says of what was asked, less what it says against the rest of the
persona. Intervals are 95 %, by ${config.bootstrap} paired bootstrap resamples of the queries. Every reply and
each statement's part is in \`replies/\`.
`;
}
