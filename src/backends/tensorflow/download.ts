import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { TruecastError } from '../../support/errors.js';
import { lastLines, runCommand } from '../command.js';
import { TENSORFLOW_RELEASE } from './install.js';
import { pythonProgram } from './python.js';

const REMEDY = `download a wheel of tensorflow-cpu ${TENSORFLOW_RELEASE} for Linux elsewhere and give it with --from FILE.whl`;

const PLATFORMS: Partial<Record<NodeJS.Architecture, string>> = { x64: 'x86_64', arm64: 'aarch64' };

/** pip's arguments for the wheel of this machine, whatever Python runs pip (only the library inside is used). */
export function downloadArguments(destination: string, arch: NodeJS.Architecture = process.arch): string[] {
  const machine = PLATFORMS[arch];
  if (machine === undefined) {
    throw new TruecastError(`there is no TensorFlow wheel for ${arch} processors`, 'use --backend wasm');
  }
  const platforms = ['manylinux_2_27', 'manylinux_2_17', 'manylinux2014'];
  return [
    ...['-m', 'pip', 'download', '--no-deps', '--only-binary=:all:', '--progress-bar=off', '--no-input'],
    ...['--implementation', 'cp', '--python-version', '3.12', '--abi', 'cp312'],
    ...platforms.flatMap((platform) => ['--platform', `${platform}_${machine}`]),
    ...['--dest', destination, `tensorflow-cpu==${TENSORFLOW_RELEASE}.*`],
  ];
}

/** The wheel in `folder`, downloaded by the user's own pip (with its settings) unless it is there already. */
export async function downloadWheel(folder: string, log: (line: string) => void): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const present = wheelIn(folder);
  if (present !== undefined) {
    log(`using the wheel downloaded before: ${present}`);
    return present;
  }
  const temporary = join(folder, `${randomBytes(4).toString('hex')}.tmp`);
  mkdirSync(temporary);
  try {
    log(`downloading tensorflow-cpu ${TENSORFLOW_RELEASE} with pip (about 270 MB)`);
    const result = await runCommand(pythonProgram(), downloadArguments(temporary));
    if (result.status === 'missing') {
      throw new TruecastError(
        'python3 was not found; its pip downloads TensorFlow',
        `install Python 3 with pip, or ${REMEDY}`,
      );
    }
    if (/No module named pip\b/.test(result.stderr)) {
      throw new TruecastError(
        'python3 has no pip, which downloads TensorFlow',
        `install it (Debian and Ubuntu: apt install python3-pip), or ${REMEDY}`,
      );
    }
    const wheel = wheelIn(temporary);
    if (result.status !== 'ok' || wheel === undefined) {
      throw new TruecastError(
        `pip could not download TensorFlow (${result.ended}):\n${lastLines(result.stderr || result.stdout)}`,
        `check the network and pip's settings, or ${REMEDY}`,
      );
    }
    const target = join(folder, wheel.slice(temporary.length + 1));
    renameSync(wheel, target);
    return target;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

function wheelIn(folder: string): string | undefined {
  const name = readdirSync(folder).find((entry) => /^tensorflow.*\.whl$/.test(entry));
  return name && join(folder, name);
}
