import { defineConfig } from 'vitest/config';
export default defineConfig({
    test: {
        include: ['test/**/*.test.ts'],
        pool: 'forks',
        poolOptions: { forks: { maxForks: 2 } },
        testTimeout: 120_000,
        hookTimeout: 120_000,
    },
});
//# sourceMappingURL=vitest.config.js.map