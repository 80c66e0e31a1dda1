import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The recipes import the package by its name.
  resolve: { alias: { '@wugan/client': new URL('src/index.ts', import.meta.url).pathname } },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**', 'test/browser/**', 'node_modules/**'],
    // Each file counts on the clock, the globals and the handlers being its own.
    isolate: true,
    // Written as modules, published as if they were not: Node alone cannot load them.
    server: { deps: { inline: ['luch-request', 'uni-ajax'] } },
    maxWorkers: 2,
  },
})
