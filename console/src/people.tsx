import { signal } from '@preact/signals'
import { useEffect, useRef, useState } from 'preact/hooks'
import { api, type Found, type Person } from './api'
import { number, Text, Time } from './format'
import { t, type Word } from './i18n'
import { session } from './session'
import { Empty, Failure, Loading } from './ui'

const ways = ['auto', 'nicknamePart', 'nickname', 'phone', 'openid', 'unionid', 'id', 'sessionId', 'requestId'] as const
type Way = (typeof ways)[number]

interface Search { by: Way; text: string; app: string }
interface Result { by: Way | ''; query: Record<string, string>; people: Person[]; next: string; total: number | null }

// A search stays while a person is looked at, and never goes into an address: it
// may be a phone number.
const wanted = signal<Search>({ by: 'auto', text: '', app: '' })
const result = signal<Result | null>(null)

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** What a text may be, the likeliest first. */
function guesses(text: string): Way[] {
  if (Array.from(text).length > 64) return ['requestId']
  if (UUID.test(text)) return ['id', 'sessionId', 'requestId', 'nicknamePart']
  if (/^\+?[\d\s-]{5,32}$/.test(text)) return ['phone', 'nicknamePart']
  if (/^[!-~]{24,}$/.test(text)) return ['unionid', 'requestId', 'nicknamePart']
  return ['nicknamePart']
}

async function find(s: Search): Promise<Result> {
  const text = s.text.trim()
  if (!text) return { by: '', query: {}, ...page(await api.find({})) }
  if (s.by === 'openid') {
    const query = { appId: s.app.trim(), openid: text }
    return { by: s.by, query, ...page(await api.find(query)) }
  }
  let last: Result | undefined
  for (const by of s.by === 'auto' ? guesses(text) : [s.by]) {
    const query = { [by]: UUID.test(text) && by !== 'nicknamePart' ? text.toLowerCase() : text }
    last = { by, query, ...page(await api.find(query)) }
    if (last.people.length > 0 || last.next) break
  }
  return last as Result
}

const page = (f: Found) => ({ people: f.users, next: f.nextCursor, total: f.total })

export function People() {
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<unknown>()
  const turn = useRef(0)
  const run = async (load: () => Promise<Result>) => {
    const mine = ++turn.current
    setBusy(true)
    setError(undefined)
    try {
      const found = await load()
      if (mine === turn.current) result.value = found
    } catch (problem) {
      if (mine === turn.current) setError(problem)
    }
    if (mine === turn.current) setBusy(false)
  }
  const search = () => { result.value = null; return run(() => find(wanted.value)) }
  useEffect(() => {
    if (!result.value) void search()
    return () => { turn.current++ }
  }, [session.value?.key])
  const more = (r: Result) => run(async () => {
    const next = page(await api.find({ ...r.query, cursor: r.next }))
    return { ...r, people: [...r.people, ...next.people], next: next.next }
  })
  const s = wanted.value
  const set = (change: Partial<Search>) => { wanted.value = { ...wanted.value, ...change } }
  const r = result.value
  return (
    <>
      <h1>{t('people.title')}</h1>
      <search><form class="search" onSubmit={(event) => { event.preventDefault(); void search() }}>
        <label>{t('people.by')}
          <select name="by" value={s.by} onChange={(event) => { set({ by: event.currentTarget.value as Way }) }}>
            {ways.map((way) => <option key={way} value={way}>{t(`by.${way}` as Word)}</option>)}
          </select>
        </label>
        {s.by === 'openid' && <label>{t('people.app')}
          <input type="text" name="app" value={s.app} maxLength={128} autocomplete="off" spellcheck={false} onInput={(event) => { set({ app: event.currentTarget.value }) }} />
        </label>}
        <label class="wide">{t('people.query')}
          <input type="text" name="q" value={s.text} maxLength={128} autocomplete="off" spellcheck={false} dir="auto" onInput={(event) => { set({ text: event.currentTarget.value }) }} />
        </label>
        <button type="submit">{t('people.find')}</button>
      </form></search>
      {s.by === 'nicknamePart' && <p class="hint">{t('people.window')}</p>}
      {s.by === 'requestId' && <p class="hint">{t('people.requestHint')}</p>}
      {error !== undefined && <Failure error={error} retry={() => void (r?.next ? more(r) : search())} />}
      {r && <List r={r} />}
      {busy && !r && <Loading />}
      {r?.next && <button type="button" class="outline more" aria-busy={busy} disabled={busy} onClick={() => void more(r)}>
        {t(r.by === 'nicknamePart' ? 'people.older' : 'more.page')}
      </button>}
    </>
  )
}

function List({ r }: { r: Result }) {
  return (
    <section aria-labelledby="found">
      <div class="heading">
        <h2 id="found">{r.by ? t('people.foundBy', { by: t(`by.${r.by}` as Word) }) : t('people.newest')}</h2>
        <p class="count" role="status">
          {r.total !== null && t(r.total >= 100_000 ? 'total.people.many' : 'total.people', { n: number(r.total) })}
          {r.total !== null && r.people.length < r.total && ' · '}
          {(r.total === null || r.people.length < r.total) && t('people.shown', { n: number(r.people.length) })}
        </p>
      </div>
      {r.people.length === 0 && <Empty>{t(r.next ? 'people.notYet' : r.by ? 'people.empty' : 'people.none')}</Empty>}
      <ul class="rows people">
        {r.people.map((p) => (
          <li key={p.id}>
            <a href={'#/person/' + p.id}>
              <span class="avatar" aria-hidden="true">{Array.from(p.nickname)[0] ?? '·'}</span>
              <strong>{p.nickname ? <Text>{p.nickname}</Text> : t('people.noname')}</strong>
            </a>
            {p.phone && <span class="phone">{p.phone}</span>}
            {p.disabledAt && <mark class="bad">{t('people.disabled')}</mark>}
            <small class="when">{t('people.lastLogin')} <Time at={p.lastLoginAt} /></small>
            <code class="id">{p.id}</code>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Forgets what was found, after a change that it does not show. */
export const forgetPeople = (): void => { result.value = null }
