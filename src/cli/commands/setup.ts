import type { CommandModule } from 'yargs';
import { setupTensorflow } from '../../backends/tensorflow/setup.js';
import { OWN } from '../options.js';
import { print, printJson } from '../output.js';

interface Options {
  what: 'tensorflow';
  gpu: boolean;
  from?: string;
  json?: boolean;
}

export const setupCommand: CommandModule<object, Options> = {
  command: 'setup <what>',
  describe: 'Make the tensorflow backend usable: find or download TensorFlow, build its binding, check it',
  builder: (yargs) =>
    yargs
      .positional('what', {
        choices: ['tensorflow'] as const,
        demandOption: true,
        describe: 'The backend to set up',
      })
      .options({
        gpu: { type: 'boolean', default: false, describe: 'The CUDA build' },
        from: {
          type: 'string',
          requiresArg: true,
          describe: 'An installed tensorflow package, its folder, or a wheel, instead of a download',
        },
      })
      .group(['gpu', 'from'], OWN)
      .epilogue('truecast works without it, on the backend wasm; truecast doctor says what can be used.'),
  async handler({ gpu, from, json }) {
    const log = (line: string) => process.stderr.write(`${line}\n`);
    const install = await setupTensorflow({ gpu, log, ...(from === undefined ? {} : { from }) });
    if (json) printJson(install);
    else print('tensorflow is ready: the default backend from now on');
  },
};
