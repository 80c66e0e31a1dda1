import { signal } from '@preact/signals'
import { en } from './en'
import { zh, type Word } from './zh'

export type Lang = 'zh' | 'en'
export type { Word }

function stored(name: string): string | null {
  try {
    return localStorage.getItem(name)
  } catch {
    return null
  }
}

export const lang = signal<Lang>(stored('wugan.console.lang') === 'en' ? 'en' : 'zh')

export type Theme = 'auto' | 'light' | 'dark'
const kept = stored('wugan.console.theme')
export const theme = signal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'auto')

/** Applies language and colours to the page, and keeps the choice. Nothing else is kept. */
export function apply(): void {
  document.documentElement.lang = lang.value === 'zh' ? 'zh-CN' : 'en'
  document.title = t('title')
  if (theme.value === 'auto') document.documentElement.removeAttribute('data-theme')
  else document.documentElement.dataset.theme = theme.value
  try {
    localStorage.setItem('wugan.console.lang', lang.value)
    localStorage.setItem('wugan.console.theme', theme.value)
  } catch {
    // A browser that stores nothing shows the page all the same.
  }
}

/** The sentence in the chosen language; {name} is replaced by a parameter. */
export function t(word: Word, params: Record<string, string | number> = {}): string {
  const sentence = lang.value === 'zh' ? zh[word] : en[word]
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''))
}

/** The sentence of a name that the service made, or the name itself. */
export function named(prefix: string, name: string): string {
  const word = `${prefix}.${name}`
  return word in zh ? t(word as Word) : name
}

/** Whether there is a sentence for such a name. */
export const known = (prefix: string, name: string): boolean => `${prefix}.${name}` in zh
