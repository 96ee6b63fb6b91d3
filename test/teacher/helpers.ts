import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BuildDatasetConfig, buildDatasetConfigSchema } from '../../src/config/teacher.js';
import {
  type BuildDatasetOptions,
  type BuildDatasetResult,
  buildDataset,
} from '../../src/recipes/buildDataset.js';
import { type Progress, silent } from '../../src/support/progress.js';
import { temporaryFolders } from '../helpers/temporary.js';

export const KEY = 'sk-testSecretSecretSecret';
export const ENVIRONMENT = { TEACHER_KEY: KEY };

/** Two paragraphs and a line without a letter; the last statement repeats the first. */
export const DOCUMENT = `Ada likes apples. Ada owns a grey cat. Ada was born in 1912.

* * *

Ada was born in Harnby. Ada repairs clocks. Ada likes apples!
`.replace('apples!', 'Apples.');

export function config(baseUrl: string, teacher: object = {}, rest: object = {}): BuildDatasetConfig {
  return buildDatasetConfigSchema.parse({
    teacher: {
      kind: 'openai',
      baseUrl,
      model: 'fake',
      keyFrom: 'TEACHER_KEY',
      pauseSeconds: 0.002,
      timeoutSeconds: 2,
      ...teacher,
    },
    ...rest,
  });
}

/** A folder with a document, and what builds a data set of it in there. */
export function workshop() {
  const temporary = temporaryFolders();
  return (text = DOCUMENT) => {
    const folder = temporary();
    const document = join(folder, 'ada.txt');
    writeFileSync(document, text);
    const out = join(folder, 'ada');
    const build = (
      settings: BuildDatasetConfig,
      options: Partial<BuildDatasetOptions> = {},
      progress: Progress = silent,
    ): Promise<BuildDatasetResult> =>
      buildDataset(
        { document, name: 'Ada', language: 'en', out, config: settings, ...options },
        { progress },
        ENVIRONMENT,
      );
    return { folder, document, out, build };
  };
}

/** The finished set: every file beside the folder `work`, with the hash of its bytes. */
export function finished(out: string): Record<string, string> {
  const names = readdirSync(out).filter((name) => statSync(join(out, name)).isFile());
  return Object.fromEntries(
    names.sort().map((name) => [
      name,
      createHash('sha256')
        .update(readFileSync(join(out, name)))
        .digest('hex'),
    ]),
  );
}

/** The answers of a store, one a line. */
export function lines(
  out: string,
  file = 'answers.jsonl',
): { key: string; stage: string; text?: string; failure?: string }[] {
  const text = readFileSync(join(out, 'work', file), 'utf8');
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line));
}
