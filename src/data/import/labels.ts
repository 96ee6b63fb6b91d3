import { NLI_LABELS, RELEVANCE_LABELS } from '../rows.js';
import type { SourceTable } from '../tables/format.js';
import type { SourcePlan } from './columns.js';

export type LabelledTable = 'relevance' | 'nli';

export const LABELS: Readonly<Record<LabelledTable, readonly string[]>> = {
  relevance: RELEVANCE_LABELS,
  nli: NLI_LABELS,
};

/** Words for each label id. Integers of NLI are not among them: projects number these labels differently. */
const WORDS: Readonly<Record<LabelledTable, readonly (readonly string[])[]>> = {
  relevance: [
    ['no', '0', 'false', 'irrelevant'],
    ['yes', '1', 'true', 'relevant'],
  ],
  nli: [['contradicted', 'contradict', 'contradiction'], ['neutral'], ['entailed', 'entail', 'entailment']],
};

/** A label as the source writes it, and what it is called here; several may mean the same. */
export type LabelNames = readonly (readonly [name: string, value: string])[];

/** How the labels of one source are read. */
export class LabelReader {
  private readonly met = new Map<string, number>();
  private readonly ids = new Map<string, number>();
  private readonly names: readonly string[];

  /**
   * @param named what `--labels` says; where it names any label of this table, it alone counts
   */
  constructor(
    private readonly kind: LabelledTable,
    { labelNames }: Pick<SourceTable, 'labelNames'>,
    { mapping }: Pick<SourcePlan, 'mapping'>,
    named: LabelNames,
  ) {
    const labels = LABELS[kind];
    this.names = (mapping.label !== undefined && labelNames.get(mapping.label)) || [];
    const own = named.filter(([name]) => labels.includes(name));
    if (own.length > 0) {
      for (const [name, value] of own) this.ids.set(key(value), labels.indexOf(name));
      this.names = [];
    } else {
      WORDS[kind].forEach((words, id) => {
        for (const word of words) this.ids.set(word, id);
      });
      this.names.forEach((name, i) => {
        const id = this.ids.get(key(name));
        this.ids.delete(String(i));
        if (id !== undefined) this.ids.set(String(i), id);
      });
      // our own tables, whose numbers are known
      if (mapping.statementId !== undefined && mapping.queryId !== undefined && this.names.length === 0) {
        for (const id of labels.keys()) this.ids.set(String(id), id);
      }
    }
  }

  /** What was met in the source, by the label that it was taken for. */
  get taken(): Record<string, string[]> {
    const met = [...this.met];
    return Object.fromEntries(
      LABELS[this.kind].map((name, id) => [name, met.filter(([, n]) => n === id).map(([value]) => value)]),
    );
  }

  /** The label's id, or what is wrong. */
  read(value: unknown): number | string {
    const isScalar = ['string', 'number', 'boolean'].includes(typeof value);
    const id = isScalar ? this.ids.get(key(String(value))) : undefined;
    if (id !== undefined) {
      this.met.set(String(value), id);
      return id;
    }
    const labels = LABELS[this.kind];
    const example = labels.map((name, i) => `${name}=${i}`).join(',');
    const shown = JSON.stringify(value)?.slice(0, 60) ?? 'missing';
    return `label ${shown} is not known as one of ${labels.join(', ')} (--labels ${example} would name integers)`;
  }
}

function key(value: string): string {
  return value.trim().toLowerCase();
}
