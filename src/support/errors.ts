/**
 * An error that a user can act on: `message` names the file, key or tensor; `remedy` says what to do.
 * The CLI prints both without a stack trace. Anything else that is thrown is a defect of ours.
 */
export class TruecastError extends Error {
  override readonly name: string = 'TruecastError';
  constructor(
    message: string,
    readonly remedy?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
  /** Exit code of the process: 1 for a failed run, 2 for a wrong call. */
  get exitCode(): number {
    return 1;
  }
}

/** A wrong call: options that don't exist, miss or exclude each other. */
export class UsageError extends TruecastError {
  override readonly name = 'UsageError';
  override get exitCode(): number {
    return 2;
  }
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** For the default branch of a switch over a tagged union. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
