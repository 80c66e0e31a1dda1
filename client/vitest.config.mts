import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**', 'node_modules/**'],
    // Each file counts on the clock, the globals and the handlers being its own.
    isolate: true,
    maxWorkers: 2,
  },
})
