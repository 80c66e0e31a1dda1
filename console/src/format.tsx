import type { ComponentChildren } from 'preact'
import { lang } from './i18n'

const locale = (): string => (lang.value === 'zh' ? 'zh-CN' : 'en-GB')

/** A moment in local time; the pointer on it, or its title read out, gives UTC. */
export function Time({ at }: { at: string }) {
  const moment = new Date(at)
  const local = new Intl.DateTimeFormat(locale(), { dateStyle: 'medium', timeStyle: 'medium' }).format(moment)
  const utc = moment.toISOString().slice(0, 19).replace('T', ' ') + ' UTC'
  return <time dateTime={at} title={utc}>{local}</time>
}

export const number = (n: number): string => new Intl.NumberFormat(locale()).format(n)

/** What a person typed, whatever it holds: text, in its own direction. */
export function Text({ children }: { children: ComponentChildren }) {
  return <bdi>{children}</bdi>
}
