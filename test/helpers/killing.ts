import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * A moment at which a process is killed: its n-th call of a function of node:fs on a path. `before` the call
 * has done anything, `after` it, or `halfway`: a text is written to its middle.
 */
export interface Moment {
  call: 'appendFileSync' | 'renameSync';
  /** The file's path ends with this; of a rename, the new one. */
  path: string;
  nth?: number;
  when: 'before' | 'halfway' | 'after';
}

const PROGRAM = `
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const { call, path, nth = 1, when } = JSON.parse(process.env.TRUECAST_TEST_KILL);
const original = fs[call];
let calls = 0;
fs[call] = (...args) => {
  const target = String(call === 'renameSync' ? args[1] : args[0]);
  if (target.endsWith(path) && ++calls === nth) {
    if (when === 'after') original(...args);
    if (when === 'halfway') original(args[0], args[1].slice(0, args[1].length / 2));
    process.kill(process.pid, 'SIGKILL');
  }
  return original(...args);
};
syncBuiltinESMExports();
`;

/** The environment of a process that kills itself at `moment`; `folder` takes the program that does it. */
export function killedAt(moment: Moment, folder: string): Record<string, string> {
  const program = join(folder, 'kill.mjs');
  writeFileSync(program, PROGRAM);
  return {
    NODE_OPTIONS: `--import ${pathToFileURL(program)}`,
    TRUECAST_TEST_KILL: JSON.stringify(moment),
  };
}
