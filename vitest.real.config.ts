import { defineConfig } from 'vitest/config';

/** Tests on real pretrained weights: `npm run test:real`. */
export default defineConfig({
  // TensorFlow.js as Node resolves it: one copy of it for us and for tfjs-node
  ssr: { resolve: { mainFields: ['main'] } },
  resolve: { mainFields: ['main'] },
  test: {
    include: ['test/real/*.real.ts'],
    globalSetup: ['test/real/setup.ts'],
    // one file after the other: the training is to have the machine for itself
    fileParallelism: false,
    pool: 'forks',
    testTimeout: 300_000,
    hookTimeout: 1_200_000,
  },
});
