import { useState } from 'preact/hooks'
import { api, type DeviceSession } from './api'
import { AskDialog } from './dialog'
import { number, Text, Time } from './format'
import { known, named, t } from './i18n'
import { Fact } from './person'
import { Empty, Shown, useResource } from './ui'

const PAGE = 10

type State = 'live' | 'expired' | 'ended'
const stateOf = (s: DeviceSession): State => (s.revokedAt ? 'ended' : Date.parse(s.expiresAt) > Date.now() ? 'live' : 'expired')

export function Sessions({ id, round, changed }: { id: string; round: number; changed: () => Promise<void> }) {
  const list = useResource(() => api.sessions(id), [id, round])
  const [shown, setShown] = useState(PAGE)
  const [ending, setEnding] = useState<DeviceSession>()
  return (
    <section aria-labelledby="sessions">
      <div class="heading">
        <h2 id="sessions">{t('person.sessions')}</h2>
        {list.data && <p class="count">{t('total.sessions', {
          n: number(list.data.sessions.length), live: number(list.data.sessions.filter((s) => stateOf(s) === 'live').length),
        })}</p>}
      </div>
      <Shown of={list}>{({ sessions }) => (
        <>
          {sessions.length === 0 && <Empty>{t('person.sessions.empty')}</Empty>}
          <ul class="rows sessions">
            {order(sessions).slice(0, shown).map((s) => <Row key={s.id} s={s} end={() => { setEnding(s) }} />)}
          </ul>
          {sessions.length > shown && <button type="button" class="outline more" onClick={() => { setShown(shown + 50) }}>
            {t('more', { n: number(Math.min(50, sessions.length - shown)) })}
          </button>}
        </>
      )}</Shown>
      {ending && <AskDialog danger title={t('session.end')} confirm={t('session.end')} close={() => { setEnding(undefined) }}
        text={`${ending.deviceName || t('session.unnamed')}: ${t('do.endSession.text')}`}
        act={async (reason) => { await api.endSession(ending.id, reason); await changed() }} />}
    </section>
  )
}

/** Live ones first; within each, the newest use first, as they came. */
const order = (sessions: DeviceSession[]): DeviceSession[] =>
  [...sessions].sort((a, b) => Number(stateOf(b) === 'live') - Number(stateOf(a) === 'live'))

/** Why a session ended: a reason of the service's in words, or what an operator wrote. */
export const why = (reason: string): string => (known('reason', reason) ? named('reason', reason) : reason)

function Row({ s, end }: { s: DeviceSession; end: () => void }) {
  const state = stateOf(s)
  const device = s.deviceName || t('session.unnamed')
  return (
    <li>
      <div class="head">
        <strong><Text>{device}</Text></strong> <mark class={state === 'live' ? 'good' : ''}>{t(`session.${state}`)}</mark>
        {state === 'live' && <button type="button" class="small outline danger" aria-label={t('session.end.label', { device })} onClick={end}>{t('session.end')}</button>}
      </div>
      <dl class="facts inline">
        <Fact name={t('session.used')}><Time at={s.lastUsedAt} /></Fact>
        <Fact name={t('session.since')}><Time at={s.createdAt} /></Fact>
        {s.revokedAt
          ? <><Fact name={t('session.endedAt')}><Time at={s.revokedAt} /></Fact><Fact name={t('session.why')}><Text>{why(s.revokedReason)}</Text></Fact></>
          : <Fact name={t('session.expires')}><Time at={s.expiresAt} /></Fact>}
        <Fact name={t('session.ip')}><code>{s.ip || t('unknown')}</code></Fact>
        <Fact name={t('person.app')}><code>{s.appId}</code></Fact>
        {s.deviceId && <Fact name={t('session.device')}><code class="long">{s.deviceId}</code></Fact>}
        <Fact name={t('session.id')}><code class="long">{s.id}</code></Fact>
        {s.userAgent && <Fact name={t('session.agent')}><span class="long"><Text>{s.userAgent}</Text></span></Fact>}
      </dl>
    </li>
  )
}
