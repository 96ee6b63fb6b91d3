import type { CommandModule } from 'yargs';
import { print } from '../output.js';

export const demoCommand: CommandModule<object, { json?: boolean }> = {
  command: 'demo',
  describe: 'The main job on a shipped character, from discriminators to the comparison, in a few minutes',
  async handler() {
    print('');
  },
};
