import { defineConfig } from 'vite'

// Names without a digest: the service sends each file with an ETag, and has it
// asked for again each time.
export default defineConfig({
  base: './',
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', legalComments: 'none' },
  build: {
    target: 'es2022',
    outDir: process.env.OUT ?? '../httpapi/console/page',
    emptyOutDir: true,
    assetsInlineLimit: 0, // the policy allows no data: addresses
    modulePreload: false,
    rollupOptions: {
      output: { entryFileNames: 'console.js', assetFileNames: 'console[extname]' },
    },
  },
})
