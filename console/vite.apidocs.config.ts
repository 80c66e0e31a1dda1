import { defineConfig } from 'vite'

// As vite.config.ts, for the page of the API at /docs.
export default defineConfig({
  root: 'apidocs',
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    outDir: process.env.OUT ?? '../../httpapi/docs/page',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: false,
    rollupOptions: {
      output: { entryFileNames: 'docs.js', assetFileNames: 'docs[extname]' },
    },
  },
})
