import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from '../command.js';

/** The user's Python: the active virtual environment's, else python3 on PATH. */
export function pythonProgram(): string {
  const { VIRTUAL_ENV } = process.env;
  const inEnvironment = VIRTUAL_ENV && join(VIRTUAL_ENV, 'bin', 'python3');
  return inEnvironment && existsSync(inEnvironment) ? inEnvironment : 'python3';
}

const LOCATE = `
import importlib.util, importlib.metadata, json
spec = importlib.util.find_spec('tensorflow')
version = None
for name in ('tensorflow', 'tensorflow-cpu', 'tensorflow-cpu-aws', 'tensorflow-intel'):
    try:
        version = importlib.metadata.version(name)
        break
    except importlib.metadata.PackageNotFoundError:
        pass
folders = list(spec.submodule_search_locations or []) if spec else []
print(json.dumps({'folder': folders[0] if folders else None, 'version': version}))
`;

export interface PythonTensorflow {
  folder: string;
  version: string;
}

/** The tensorflow package of the user's Python, found without importing it (that takes seconds). */
export async function pythonTensorflow(): Promise<PythonTensorflow | undefined> {
  const result = await runCommand(pythonProgram(), ['-c', LOCATE], { timeoutMs: 60_000 });
  if (result.status !== 'ok') return undefined;
  try {
    const { folder, version } = JSON.parse(result.stdout) as { folder: unknown; version: unknown };
    return typeof folder === 'string' && typeof version === 'string' ? { folder, version } : undefined;
  } catch {
    return undefined;
  }
}
