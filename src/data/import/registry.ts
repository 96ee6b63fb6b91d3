import { RowProblem } from './parse.js';

export interface Entry {
  text: string;
  /** Undefined until all rows are read, where the source has none. */
  id: string | undefined;
  place: string;
}

/** Texts in the order they come, each with one id: those that the source gives, numbers for the others. */
export class Registry<E extends Entry> {
  private readonly byText = new Map<string, E>();
  private readonly byId = new Map<string, E>();

  /** @param what names an entry in messages: statement, query */
  constructor(
    private readonly what: string,
    private readonly create: (entry: Entry) => E,
  ) {}

  /** The entry of a text, new or known. Throws a RowProblem where text and id don't go together. */
  of(text: string, id: string | undefined, place: string): E {
    const named = id === undefined ? undefined : this.byId.get(id);
    if (named !== undefined && named.text !== text)
      throw new RowProblem(`${this.what} ${id} has another text at ${named.place}`);
    let entry = this.byText.get(text);
    if (entry === undefined) {
      entry = this.create({ text, id, place });
      this.byText.set(text, entry);
    } else if (id !== undefined && entry.id !== undefined && entry.id !== id) {
      throw new RowProblem(`${this.what} ${id} repeats the text of ${entry.id} at ${entry.place}`);
    }
    if (id !== undefined) {
      entry.id = id;
      this.byId.set(id, entry);
    }
    return entry;
  }

  has(id: string): boolean {
    return this.byId.has(id);
  }

  get entries(): E[] {
    return [...this.byText.values()];
  }

  /** Gives every entry an id; `letter` and a number where it has none. */
  number(letter: string): (E & { id: string })[] {
    const entries = this.entries;
    const width = Math.max(2, String(entries.length).length);
    let next = 0;
    for (const entry of entries) {
      while (entry.id === undefined) {
        next++;
        const id = `${letter}${String(next).padStart(width, '0')}`;
        if (this.byId.has(id)) continue;
        entry.id = id;
        this.byId.set(id, entry);
      }
    }
    return entries as (E & { id: string })[];
  }
}
