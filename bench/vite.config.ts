import { defineConfig } from 'vite';

/** TensorFlow.js as Node resolves it: its CommonJS build, one copy for all who import it. */
export default defineConfig({
  ssr: { resolve: { mainFields: ['main'] } },
  resolve: { mainFields: ['main'] },
});
