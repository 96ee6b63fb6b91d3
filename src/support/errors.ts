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

/**
 * What the operating system refused (no permission, disk full, a file in a folder's place) as an error for
 * people; undefined for everything else.
 */
export function systemError(thrown: unknown, what?: string): TruecastError | undefined {
  if (!(thrown instanceof Error) || !('syscall' in thrown) || !('code' in thrown)) return undefined;
  const message = what === undefined ? thrown.message : `${what}: ${thrown.message}`;
  return new TruecastError(message, SYSTEM_REMEDIES[String(thrown.code)] ?? 'check the path', {
    cause: thrown,
  });
}

const SYSTEM_REMEDIES: Record<string, string> = {
  EACCES: 'choose a place that you may write to, or change its permissions',
  EPERM: 'choose a place that you may write to, or change its permissions',
  EROFS: 'choose a place that can be written to',
  ENOSPC: 'make room on the disk; the same command goes on',
  EDQUOT: 'make room on the disk; the same command goes on',
  ENOTDIR: 'a file stands where a folder is wanted: choose another place',
  EEXIST: 'a file stands where a folder is wanted: choose another place',
  EISDIR: 'a folder stands where a file is wanted: choose another place',
};

/** For the default branch of a switch over a tagged union. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
