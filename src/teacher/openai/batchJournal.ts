import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TruecastError } from '../../support/errors.js';
import { readJson, writeFileAtomic } from '../../support/files.js';

const entrySchema = z.strictObject({
  /** Ours, sent along as metadata: finds a batch whose id never reached us. */
  mark: z.string(),
  keys: z.array(z.string()),
  /** The endpoint's; missing between the decision to send and its answer. */
  batch: z.string().optional(),
  /** Nothing more is wanted of it. */
  over: z.boolean().default(false),
});
export type BatchEntry = z.infer<typeof entrySchema>;

const journalSchema = z.array(entrySchema);

/** The batches of a work folder: written before one is sent, so that none is lost and none is sent twice. */
export class BatchJournal {
  readonly entries: BatchEntry[];
  private readonly path: string;

  constructor(folder: string, name: string) {
    this.path = join(folder, `batches-${name}.json`);
    const stored = existsSync(this.path) ? readJson(this.path, 'journal of batches') : [];
    const result = journalSchema.safeParse(stored);
    if (!result.success) {
      throw new TruecastError(
        `not a journal of batches: ${this.path}`,
        'restore it; removed, the batches that it names are sent and paid again',
      );
    }
    this.entries = result.data;
  }

  /** The batch under way that has a question. */
  holding(key: string): BatchEntry | undefined {
    return this.entries.findLast(({ keys, over }) => !over && keys.includes(key));
  }

  add(entry: BatchEntry): void {
    this.entries.push(entry);
    this.save();
  }

  save(): void {
    writeFileAtomic(this.path, `${JSON.stringify(this.entries, null, 2)}\n`);
  }
}
