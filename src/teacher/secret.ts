/** Shorter keys are the placeholders that local servers are given (EMPTY, ollama): words of any text. */
const SHORTEST = 8;

/** A key, kept from everything that is written or printed, even where a server echoes it. */
export class Secret {
  /** Not a property that a printed object would show. */
  readonly #value: string | undefined;

  constructor(value: string | undefined) {
    this.#value = value;
  }

  /** For the client alone. */
  reveal(): string | undefined {
    return this.#value;
  }

  redact(text: string): string {
    const value = this.#value;
    if (value === undefined || value.length < SHORTEST) return text;
    return text.replaceAll(value, '[key]').replaceAll(encodeURIComponent(value), '[key]');
  }
}
