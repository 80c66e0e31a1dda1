/** Links of the pages: to each other as they are, to anything else of the repository on GitHub. A link that leads nowhere stops the build. */
import { existsSync, statSync } from 'node:fs'
import { dirname, relative, resolve } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

const repository = resolve(import.meta.dirname, '../..')

/** GitHub's ids of headings, so that a link with an anchor works there and here. */
export const slug = (title: string): string =>
  title.toLowerCase().trim().replace(/[^\p{L}\p{N}\s_-]/gu, '').replace(/\s/g, '-')

const address = (page: string, link: string): string => {
  const [path = '', anchor] = link.split('#')
  const target = resolve(dirname(page), path)
  if (!existsSync(target)) throw new Error(`${relative(repository, page)} links to ${link}, which is not there`)
  const inside = relative(repository, target)
  if (/^docs\/(en|zh)\//.test(inside)) return link
  const kind = statSync(target).isDirectory() ? 'tree' : 'blob'
  return `https://github.com/wugan/wugan/${kind}/main/${inside}${anchor ? '#' + anchor : ''}`
}

export const links = (md: MarkdownRenderer): void => {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    const page = (env as { realPath?: string; path: string }).realPath ?? (env as { path: string }).path
    for (const token of tokens.flatMap((block) => block.children ?? [])) {
      const link = token.type === 'link_open' ? token.attrGet('href') : null
      if (link && !/^([a-z]+:|#|\/)/.test(link)) token.attrSet('href', address(page, link))
    }
  })
}
