import { readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { defineConfig, type DefaultTheme, type MarkdownRenderer } from 'vitepress'
import { links, slug } from './links.mts'
import { copyMermaid, serveMermaid } from './mermaid.mts'
import { sections } from './pages.mts'

const root = resolve(import.meta.dirname, '..')
const listed = new Set(['index', ...sections.flatMap(({ pages }) => pages.map(([file]) => file))])
for (const language of ['en', 'zh']) {
  const there = readdirSync(resolve(root, language)).filter((name) => name.endsWith('.md')).map((name) => name.slice(0, -3))
  for (const page of there) if (!listed.has(page)) throw new Error(`docs/${language}/${page}.md is missing in docs/.vitepress/pages.mts`)
}

const sidebar = (language: 'en' | 'zh', prefix: string): DefaultTheme.Sidebar =>
  sections.map((section) => ({
    text: section[language],
    items: section.pages.map(([file, en, zh]) => ({ text: language === 'en' ? en : zh, link: prefix + file })),
  }))

const nav = (prefix: string, names: [text: string, page: string][]): DefaultTheme.NavItem[] =>
  names.map(([text, page]) => ({ text, link: prefix + page }))

/** A fence of mermaid becomes a diagram. */
const diagrams = (md: MarkdownRenderer): void => {
  const fence = md.renderer.rules.fence!
  md.renderer.rules.fence = (tokens, index, ...rest) => {
    const { info = '', content = '' } = tokens[index] ?? {}
    return info.trim() === 'mermaid' ? `<Diagram source="${encodeURIComponent(content)}" />` : fence(tokens, index, ...rest)
  }
}

const extend = (md: MarkdownRenderer): void => {
  links(md)
  diagrams(md)
}

/**
 * Words for the search: Chinese has no blanks, so each pair of neighbours is a word. It runs in the browser as well, and is
 * carried there as text, so it uses nothing from outside.
 */
const tokenize = (text: string): string[] =>
  text.toLowerCase().split(/[\s\p{P}\p{S}]+/u).flatMap((word) =>
    (word.match(/\p{Script=Han}+|[^\p{Script=Han}]+/gu) ?? []).flatMap((part) =>
      /\p{Script=Han}/u.test(part) && part.length > 1 ? Array.from({ length: part.length - 1 }, (_, i) => part.slice(i, i + 2)) : [part]))

export default defineConfig({
  title: 'wugan 无感',
  base: process.env.DOCS_BASE ?? '/',
  srcExclude: ['decisions/**'],
  rewrites: { 'zh/:page': ':page' },
  cleanUrls: true,
  lastUpdated: false,
  head: [['link', { rel: 'icon', href: (process.env.DOCS_BASE ?? '/') + 'icon.svg' }]],
  markdown: { config: extend, anchor: { slugify: slug }, toc: { slugify: slug }, headers: { level: [2, 3], slugify: slug } },
  ignoreDeadLinks: 'localhostLinks',
  vite: { plugins: [serveMermaid] },
  buildEnd: ({ outDir }) => copyMermaid(outDir),
  themeConfig: {
    logo: '/icon.svg',
    outline: [2, 3],
    externalLinkIcon: false,
    socialLinks: [{ icon: 'github', link: 'https://github.com/wugan/wugan' }],
    search: {
      provider: 'local',
      options: {
        miniSearch: { options: { tokenize }, searchOptions: { tokenize, combineWith: 'AND', prefix: true, fuzzy: 0.1, boost: { title: 4, titles: 2, text: 1 } } },
        locales: {
          root: {
            translations: {
              button: { buttonText: '搜索', buttonAriaLabel: '搜索' },
              modal: {
                displayDetails: '显示详细列表', resetButtonTitle: '清除', backButtonTitle: '关闭', noResultsText: '没有找到',
                footer: { selectText: '选择', navigateText: '切换', closeText: '关闭' },
              },
            },
          },
        },
      },
    },
  },
  locales: {
    root: {
      label: '简体中文',
      lang: 'zh-CN',
      description: '微信小程序的无感登录：一次登录，一直有效',
      themeConfig: {
        nav: nav('/', [['上手', 'start'], ['保护后端', 'verify'], ['部署', 'operate-one'], ['原理', 'rotation'], ['对比', 'compare'], ['常见问题', 'faq']]),
        sidebar: sidebar('zh', '/'),
        outline: { level: [2, 3], label: '本页内容' },
        docFooter: { prev: '上一页', next: '下一页' },
        darkModeSwitchLabel: '外观',
        lightModeSwitchTitle: '切换到浅色',
        darkModeSwitchTitle: '切换到深色',
        sidebarMenuLabel: '目录',
        returnToTopLabel: '回到顶部',
        langMenuLabel: '语言',
        skipToContentLabel: '跳到正文',
        notFound: { title: '没有这一页', quote: '链接可能已经改变。请从目录或搜索里找。', linkText: '回到首页', linkLabel: '回到首页' },
      },
    },
    en: {
      label: 'English',
      lang: 'en',
      description: 'Login for WeChat mini programs that keeps users logged in without their noticing',
      themeConfig: {
        nav: nav('/en/', [['Start', 'start'], ['Back end', 'verify'], ['Deploy', 'operate-one'], ['How it works', 'rotation'], ['Compare', 'compare'], ['Questions', 'faq']]),
        sidebar: sidebar('en', '/en/'),
      },
    },
  },
})
