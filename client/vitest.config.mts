import { defineConfig } from 'vitest/config'

export default defineConfig({
  // The recipes and the snippets of the page import the package by its name.
  resolve: {
    alias: [
      { find: /^@wugan\/client\/(.+)$/, replacement: new URL('src/$1.ts', import.meta.url).pathname },
      { find: /^@wugan\/client$/, replacement: new URL('src/index.ts', import.meta.url).pathname },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['test/live/**', 'test/browser/**', 'node_modules/**'],
    // Bundling and installing take their time on a busy machine; a promise that never settles is found by the fake clock.
    testTimeout: 60000,
    // Each file counts on the clock, the globals and the handlers being its own.
    isolate: true,
    // Written as modules, published as if they were not: Node alone cannot load them.
    server: { deps: { inline: ['luch-request', 'uni-ajax'] } },
    maxWorkers: 2,
  },
})
