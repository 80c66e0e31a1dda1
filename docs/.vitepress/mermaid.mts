/** mermaid as its package ships it, beside the site: bundling it again would take minutes, and change nothing. */
import { cpSync, createReadStream } from 'node:fs'
import { join, normalize } from 'node:path'
import type { Plugin } from 'vite'

const shipped = join(import.meta.dirname, '../node_modules/mermaid/dist')
const parts = ['mermaid.esm.min.mjs', 'chunks/mermaid.esm.min']

export const copyMermaid = (site: string): void => {
  for (const part of parts) cpSync(join(shipped, part), join(site, 'mermaid', part), { recursive: true, filter: (file) => !file.endsWith('.map') })
}

/** The same for `vitepress dev`. */
export const serveMermaid: Plugin = {
  name: 'serve-mermaid',
  configureServer: ({ middlewares, config }) => {
    middlewares.use(config.base + 'mermaid', (request, response) => {
      const file = normalize((request.url ?? '').split('?')[0] ?? '')
      response.setHeader('Content-Type', 'text/javascript')
      createReadStream(join(shipped, file)).on('error', () => response.writeHead(404).end()).pipe(response)
    })
  },
}
