import type { CommandModule } from 'yargs';
import { probeBackends } from '../../backends/doctor.js';
import { type MachineFacts, machineFacts } from '../../backends/machine.js';
import { type HubReport, hubReport } from '../../recipes/models.js';
import { VERSION } from '../../support/version.js';
import { print, printJson, table } from '../output.js';

export const doctorCommand: CommandModule<object, { json?: boolean }> = {
  command: 'doctor',
  describe: 'Which backends can be used here, why the others cannot, what to do, and where models come from',
  async handler({ json }) {
    const machine = machineFacts();
    const backends = await probeBackends();
    const hub = hubReport();
    if (json) return printJson({ truecast: VERSION, machine, backends, hub });
    print(`truecast ${VERSION}, Node ${machine.node}, ${machine.platform} ${machine.arch}`);
    print(`${machine.processor}, ${coresText(machine)}, ${memoryText(machine)}`);
    if (machine.vectorInstructions.length > 0)
      print(`vector instructions: ${machine.vectorInstructions.join(', ')}`);
    const rows = backends.map(({ name, usable, details, reason, remedy }) => [
      name,
      usable ? 'usable' : 'not usable',
      usable ? details.join(', ') : `${reason}\n→ ${remedy}`,
    ]);
    print(table([['backend', '', ''], ...rows]));
    const best = backends.find(({ usable }) => usable);
    print(best ? `--backend auto takes ${best.name}` : 'no backend can be used');
    const fix = backends.find(({ usable, remedy }) => !usable && remedy !== undefined);
    if (fix) print(`next: ${fix.remedy}, for the backend ${fix.name}`);
    print(hubText(hub));
  },
};

/** Of the token, only whether there is one. */
function hubText({ endpoint, cache, token, offline }: HubReport): string {
  const access = token === null ? 'no token' : `token in ${token}`;
  return `models: ${endpoint}, ${access}${offline === null ? '' : `, not asked: ${offline} is set`}; cache ${cache}`;
}

function coresText({ usableCores, limitCores }: MachineFacts): string {
  return `${usableCores} cores${limitCores === undefined ? '' : ` (limit ${limitCores})`}`;
}

function memoryText({ memoryTotal, memoryFree, limitMemory }: MachineFacts): string {
  const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;
  const limit = limitMemory === undefined ? '' : ` (limit ${gib(limitMemory)})`;
  return `${gib(memoryFree)} of ${gib(memoryTotal)} memory free${limit}`;
}
