import { signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { Problem } from './api'
import { known, named, t } from './i18n'

export function Loading() {
  return <p class="state" role="status"><span class="spinner" aria-hidden="true" />{t('loading')}</p>
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="state empty">{children}</p>
}

/** What went wrong, in words, with the service's own detail and the id of the request. */
export function told(error: unknown): string {
  if (!(error instanceof Problem)) return t('error.other', { code: String(error) })
  if (error.code === 'rate_limited') return t('error.rate_limited', { seconds: error.retryAfter })
  const words = known('error', error.code) ? named('error', error.code) : t('error.other', { code: error.code })
  return error.detail && (error.code === 'invalid_request' || !known('error', error.code)) ? `${words} ${error.detail}` : words
}

export function Failure({ error, retry }: { error: unknown; retry?: () => void }) {
  const id = error instanceof Problem ? error.requestId : ''
  return (
    <div class="state failure" role="alert">
      <p>{told(error)}{id && <small>{t('error.request', { id })}</small>}</p>
      {retry && <button type="button" class="secondary" onClick={retry}>{t('retry')}</button>}
    </div>
  )
}

export interface Resource<T> {
  data: T | undefined
  error: unknown
  loading: boolean
  reload: () => Promise<void>
  set: (data: T) => void
}

/** Loads something, and again when what it depends on changes. What was there stays while it loads. */
export function useResource<T>(load: () => Promise<T>, on: unknown[]): Resource<T> {
  const [state, setState] = useState<{ data?: T; error?: unknown; loading: boolean }>({ loading: true })
  const turn = useRef(0)
  const reload = useCallback(async () => {
    const mine = ++turn.current
    setState((s) => ({ ...s, loading: true }))
    try {
      const data = await load()
      if (mine === turn.current) setState({ data, loading: false })
    } catch (error) {
      if (mine === turn.current) setState((s) => ({ ...s, error, loading: false }))
    }
  }, on)
  useEffect(() => {
    setState({ loading: true })
    void reload()
    return () => { turn.current++ }
  }, on)
  return { data: state.data, error: state.error, loading: state.loading, reload, set: (data) => { setState({ data, loading: false }) } }
}

/** A list or a fact in its states: loading, failed, there. */
export function Shown<T>({ of, children }: { of: Resource<T>; children: (data: T) => ComponentChildren }) {
  return (
    <>
      {of.error !== undefined && <Failure error={of.error} retry={() => void of.reload()} />}
      {of.data !== undefined ? children(of.data) : of.error === undefined && <Loading />}
    </>
  )
}

export function Copy({ text, of }: { text: string; of: string }) {
  const [done, setDone] = useState(false)
  // Without TLS a browser gives pages no clipboard.
  if (!('clipboard' in navigator)) return null
  return (
    <button type="button" class="small outline secondary" aria-label={`${t('copy')} ${of}`} onClick={() => {
      void navigator.clipboard.writeText(text).then(() => { setDone(true); setTimeout(() => { setDone(false) }, 2000) }).catch(() => undefined)
    }}>{done ? t('copied') : t('copy')}</button>
  )
}

interface Notice {
  id: number
  text: string
  undo: (() => Promise<void>) | undefined
}

const notices = signal<Notice[]>([])
let last = 0

/** Says what was done, for half a minute, with a way back where there is one. */
export function notify(text: string, undo?: () => Promise<void>): void {
  const notice = { id: ++last, text, undo }
  notices.value = [...notices.value.slice(-2), notice]
  setTimeout(() => { drop(notice.id) }, 30_000)
}

function drop(id: number): void {
  notices.value = notices.value.filter((n) => n.id !== id)
}

export const clearNotices = (): void => { notices.value = [] }

function NoticeLine({ notice }: { notice: Notice }) {
  const [busy, setBusy] = useState(false)
  const undo = notice.undo
  return (
    <div class="notice">
      <span>{notice.text}</span>
      {undo && <button type="button" class="small" disabled={busy} onClick={() => {
        setBusy(true)
        undo().then(() => { drop(notice.id); notify(t('do.undone')) }, (error: unknown) => { drop(notice.id); notify(told(error)) })
      }}>{t('do.undo')}</button>}
      <button type="button" class="small outline secondary" onClick={() => { drop(notice.id) }}>{t('dismiss')}</button>
    </div>
  )
}

export function Notices() {
  return <div class="notices" role="status" aria-live="polite">{notices.value.map((n) => <NoticeLine key={n.id} notice={n} />)}</div>
}
