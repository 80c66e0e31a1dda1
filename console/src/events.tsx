import { useEffect, useRef, useState } from 'preact/hooks'
import { api, type RecordedEvent } from './api'
import { number, Text, Time } from './format'
import { named, t } from './i18n'
import { why } from './sessions'
import { Empty, Failure, Loading } from './ui'

interface Line { events: RecordedEvent[]; next: string; total: number }

/** What happened to a person, newest first, page by page. */
export function Events({ id, round }: { id: string; round: number }) {
  const [line, setLine] = useState<Line>()
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  const turn = useRef(0)
  const load = async (from?: Line) => {
    const mine = ++turn.current
    setBusy(true)
    setError(undefined)
    try {
      const page = await api.events(id, from?.next ?? '')
      if (mine === turn.current) setLine({ events: [...(from?.events ?? []), ...page.events], next: page.nextCursor, total: page.total ?? 0 })
    } catch (problem) {
      if (mine === turn.current) setError(problem)
    }
    if (mine === turn.current) setBusy(false)
  }
  useEffect(() => {
    void load()
    return () => { turn.current++ }
  }, [id, round])
  return (
    <section aria-labelledby="events">
      <div class="heading">
        <h2 id="events">{t('person.events')}</h2>
        {line && <p class="count" role="status">
          {t(line.total >= 100_000 ? 'total.events.many' : 'total.events', { n: number(line.total), shown: number(line.events.length) })}
        </p>}
      </div>
      {line?.events.length === 0 && <Empty>{t('person.events.empty')}</Empty>}
      <ol class="timeline">{line?.events.map((e, i) => <Entry key={`${String(i)} ${e.at}`} e={e} />)}</ol>
      {error !== undefined && <Failure error={error} retry={() => void load(line)} />}
      {!line && error === undefined && <Loading />}
      {line?.next && <button type="button" class="outline more" aria-busy={busy} disabled={busy} onClick={() => void load(line)}>{t('more.page')}</button>}
    </section>
  )
}

const serious = new Set(['refresh_reused', 'identity_conflict', 'user_disabled', 'user_deleted', 'refresh_repeated'])

function Entry({ e }: { e: RecordedEvent }) {
  const { onBehalfOf, comment, ...detail } = e.detail
  return (
    <li class={serious.has(e.kind) ? 'serious' : ''}>
      <p><strong>{named('event', e.kind)}</strong> <small><Time at={e.at} /></small></p>
      <p class="small">
        {t('event.by', { who: named('actor', e.actor) })}
        {typeof onBehalfOf === 'string' && onBehalfOf && <Text>{t('event.for', { who: onBehalfOf })}</Text>}
        {e.reason && <> · <Text>{t('event.reason', { reason: why(e.reason) })}</Text></>}
        {typeof comment === 'string' && comment && <> · <Text>{t('event.comment', { text: comment })}</Text></>}
        {e.sessionId && <> · {t('event.session', { id: '' })}<code class="long">{e.sessionId}</code></>}
      </p>
      {Object.keys(detail).length > 0 && <details>
        <summary>{t('event.detail')}</summary>
        <pre>{JSON.stringify(detail, null, 2)}</pre>
      </details>}
    </li>
  )
}
