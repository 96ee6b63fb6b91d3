import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { downloadArguments } from '../../src/backends/tensorflow/download.js';
import { findInstall, LIBRARY_FILES } from '../../src/backends/tensorflow/install.js';
import { setupTensorflow } from '../../src/backends/tensorflow/setup.js';

let folder: string;
let cacheDir: string;
let lines: string[];
const environment = { ...process.env };

const setup = (options: { from?: string; gpu?: boolean } = {}) =>
  setupTensorflow({ cacheDir, log: (line) => lines.push(line), ...options });

/** Puts a program that is a shell script on PATH, which holds nothing else. */
function program(name: string, script: string): void {
  const path = join(folder, 'bin', name);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const NO_TENSORFLOW = `if [ "$1" = -c ]; then echo '{"folder": null, "version": null}'; exit 0; fi`;

/** A folder that looks like a tensorflow package, with empty libraries. */
function packageFolder(): string {
  const path = join(folder, 'tensorflow');
  mkdirSync(join(path, 'include', 'tensorflow', 'c'), { recursive: true });
  writeFileSync(join(path, 'include', 'tensorflow', 'c', 'c_api.h'), '');
  for (const file of LIBRARY_FILES) writeFileSync(join(path, file), '');
  return path;
}

/** Everything under the cache, as paths. */
const left = (): string[] =>
  existsSync(cacheDir) ? readdirSync(cacheDir, { recursive: true }).map(String) : [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'truecast-setup-'));
  cacheDir = join(folder, 'cache');
  lines = [];
  mkdirSync(join(folder, 'bin'));
  process.env.PATH = join(folder, 'bin');
  delete process.env.VIRTUAL_ENV;
  delete process.env.CXX;
});

afterEach(() => {
  process.env = { ...environment };
});

describe('setupTensorflow says what is wrong', () => {
  it('with --gpu', async () => {
    await expect(setup({ gpu: true })).rejects.toMatchObject({
      message: expect.stringMatching(/GPU is not yet available/),
      remedy: expect.stringMatching(/without --gpu/),
    });
  });

  it('with a --from that is not there, not a wheel, of another release, or incomplete', async () => {
    await expect(setup({ from: join(folder, 'none') })).rejects.toThrow(/none does not exist/);
    const file = (name: string): string => {
      writeFileSync(join(folder, name), '');
      return join(folder, name);
    };
    await expect(setup({ from: file('a.zip') })).rejects.toThrow(/a\.zip is not a TensorFlow wheel/);
    await expect(
      setup({ from: file('tensorflow_cpu-2.15.1-cp311-cp311-linux_x86_64.whl') }),
    ).rejects.toMatchObject({
      message: expect.stringMatching(/is TensorFlow 2\.15/),
      remedy: expect.stringMatching(/2\.21/),
    });
    await expect(setup({ from: folder })).rejects.toThrow(/lacks libtensorflow_cc\.so\.2/);
  });

  it('without python3', async () => {
    await expect(setup()).rejects.toMatchObject({
      message: expect.stringMatching(/python3 was not found/),
      remedy: expect.stringMatching(/install Python 3 with pip, or .*--from/),
    });
  });

  it('without pip', async () => {
    program('python3', `${NO_TENSORFLOW}\necho "/usr/bin/python3: No module named pip" >&2; exit 1`);
    await expect(setup()).rejects.toMatchObject({
      message: expect.stringMatching(/python3 has no pip/),
      remedy: expect.stringMatching(/apt install python3-pip/),
    });
  });

  it('with a download that fails, and leaves nothing of it', async () => {
    program(
      'python3',
      `${NO_TENSORFLOW}\nwhile [ "$1" != --dest ]; do shift; done\necho part > "$2/tensorflow_cpu.part"\necho "ERROR: No matching distribution found" >&2; exit 1`,
    );
    await expect(setup()).rejects.toMatchObject({
      message: expect.stringMatching(/pip could not download .*exit code 1.*\n.*No matching distribution/),
      remedy: expect.stringMatching(/--from FILE\.whl/),
    });
    expect(left().filter((path) => path !== 'downloads')).toEqual([]);
  });

  it('with a wheel that cannot be unpacked', async () => {
    program(
      'python3',
      `${NO_TENSORFLOW.replace('if [', 'if [ $# = 2 ] && [')}\necho "zipfile.BadZipFile: bad" >&2; exit 1`,
    );
    const wheel = join(folder, 'tensorflow_cpu-2.21.0-cp312-cp312-manylinux_2_27_x86_64.whl');
    writeFileSync(wheel, 'no zip');
    await expect(setup({ from: wheel })).rejects.toThrow(/could not be unpacked .*BadZipFile: bad/);
    expect(left().filter((path) => path.includes('tmp'))).toEqual([]);
  });

  it('without a compiler', async () => {
    await expect(setup({ from: packageFolder() })).rejects.toMatchObject({
      message: expect.stringMatching(/no C\+\+ compiler was found \(tried g\+\+, clang\+\+, c\+\+\)/),
      remedy: expect.stringMatching(/apt install g\+\+/),
    });
    process.env.CXX = 'none++';
    await expect(setup({ from: packageFolder() })).rejects.toThrow(/tried none\+\+, from CXX/);
  });

  it('with a compiler that fails', async () => {
    program(
      'g++',
      'if [ "$1" = --version ]; then exit 0; fi\necho "fatal error: string: No such file" >&2; exit 1',
    );
    await expect(setup({ from: packageFolder() })).rejects.toMatchObject({
      message: expect.stringMatching(/g\+\+ could not build .*\n.*fatal error: string/),
      remedy: expect.stringMatching(/C\+\+17/),
    });
    expect(left().filter((path) => path.includes('.node'))).toEqual([]);
  });

  it('with addons that do not load, which then count as not set up', async () => {
    program(
      'g++',
      'if [ "$1" = --version ]; then exit 0; fi\nwhile [ $# -gt 1 ]; do if [ "$1" = -o ]; then echo no > "$2"; fi; shift; done',
    );
    await expect(setup({ from: packageFolder() })).rejects.toMatchObject({
      message: expect.stringMatching(/set up but does not work: exit code 1: .*(invalid ELF|too short)/),
      remedy: expect.stringMatching(/delete /),
    });
    expect(findInstall('cpu', cacheDir)).toEqual({ missing: 'TensorFlow has not been set up' });
  });

  it('keeps what is done for the next run', async () => {
    await expect(setup({ from: packageFolder() })).rejects.toThrow(/compiler/);
    lines = [];
    await expect(setup()).rejects.toThrow(/compiler/);
    expect(lines[0]).toMatch(/^libraries: kept /);
  });
});

describe('the download', () => {
  it('asks for the same wheel whatever Python runs pip', () => {
    const words = downloadArguments('/to', 'x64').join(' ');
    expect(words).toMatch(/^-m pip download --no-deps --only-binary=:all:/);
    expect(words).toMatch(/--python-version 3\.12 --abi cp312 --platform manylinux_2_27_x86_64/);
    expect(words).toMatch(/--dest \/to tensorflow-cpu==2\.21\.\*$/);
    expect(downloadArguments('/to', 'arm64').join(' ')).toMatch(/manylinux_2_27_aarch64/);
    expect(() => downloadArguments('/to', 'ia32')).toThrow(/no TensorFlow wheel for ia32/);
  });
});
