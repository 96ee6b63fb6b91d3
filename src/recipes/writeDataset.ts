import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { writeJsonl, writeTable } from '../data/index.js';
import { TruecastError } from '../support/errors.js';
import { writeFileAtomic } from '../support/files.js';
import { datasetFiles, type LabelledData, labelledData } from '../teacher/dataset.js';
import { modelOf } from '../teacher/estimate.js';
import type { Labelled } from '../teacher/pipeline.js';
import { provenance } from '../teacher/provenance.js';
import { reportText } from '../teacher/report.js';
import { reviewTable } from '../teacher/review/rows.js';
import { toReview } from '../teacher/review/select.js';
import { REVIEW_FILE } from '../teacher/review/session.js';
import { type SecondLabels, type SecondResult, withSecond } from '../teacher/secondPass.js';
import { secondReport, secondSummary } from '../teacher/secondReport.js';
import { TEMPLATE_WARNING } from '../teacher/template/template.js';
import type { DatasetSource, Job } from './datasetJob.js';
import type { Teachers } from './teachers.js';

export interface Made {
  data: LabelledData;
  second?: SecondResult;
  toReview: number;
}

/**
 * Writes the data set's files, once all answers are there; split.json, which makes the folder one, is the last.
 * @throws TruecastError where no statement came out
 */
export function writeDataset(
  { document, out, config }: DatasetSource,
  { character, split, text, paragraphs, context, specs }: Job,
  teachers: Teachers,
  labelled: Labelled,
  labels: SecondLabels | undefined,
): Made {
  if (labelled.statements.length === 0) {
    const reasons = Object.entries(tally(labelled)).map(([reason, count]) => `${count} ${reason}`);
    throw new TruecastError(
      `no statements came out of ${document}${reasons.length > 0 ? `: ${reasons.join(', ')}` : ''}`,
      'see whether the document is about the character and --name is how it calls them; --retry-failures asks again',
    );
  }
  const { seed, reviewShare, secondTeacher } = config;
  const first = labelledData(character, labelled, split);
  const { data, second } =
    labels && secondTeacher
      ? withSecond(first, labels, secondTeacher.disagreements, seed)
      : { data: first, second: undefined };
  const files = datasetFiles(character, data, labelled.failures, split);
  const review = toReview(data, second, { share: reviewShare, seed });

  const byRules = [...Object.values(specs), secondTeacher?.teacher].some((spec) => spec?.kind === 'template');
  const warnings = byRules ? [TEMPLATE_WARNING] : [];
  const secondFrom = second && {
    teacher: teachers.second!.nli.identity,
    policy: second.policy,
    ...secondSummary(second),
  };
  const from = provenance(
    character,
    { document, text, paragraphs: paragraphs.length },
    config,
    context.prompts,
    (stage) => teachers.first[stage].identity,
    labelled,
    secondFrom,
    warnings,
  );
  const sections = [
    ...warnings.map((warning) => `**Warning**: ${warning}.`),
    ...(second && secondTeacher ? [secondReport(second, modelOf(secondTeacher.teacher))] : []),
    ...(review.length > 0 ? [`${review.length} rows are set aside for \`truecast review\`.`] : []),
  ];
  mkdirSync(out, { recursive: true });
  dropHalfWritten(out);
  writeFileAtomic(join(out, 'provenance.json'), `${JSON.stringify(from, null, 2)}\n`);
  writeFileAtomic(join(out, 'report.md'), reportText(character, labelled, data, sections));
  if (second) writeTable(join(out, 'disagreements.arrow'), reviewTable, second.disagreements);
  if (review.length > 0) writeJsonl(join(out, REVIEW_FILE), reviewTable, review);
  for (const [file, bytes] of files) writeFileAtomic(join(out, file), bytes);
  return { data, toReview: review.length, ...(second ? { second } : {}) };
}

/** What a killed build leaves: files that did not get their names yet. */
function dropHalfWritten(out: string): void {
  for (const name of readdirSync(out)) {
    if (/^[a-z]+\.(?:arrow|jsonl?|md)\.[0-9a-f]{8}\.tmp$/.test(name)) rmSync(join(out, name));
  }
}

/** What is not in the data set, by reason. */
export function tally({ failures }: Labelled): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of failures) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}
