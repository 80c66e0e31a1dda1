import { useEffect } from 'preact/hooks'
import { api, type Minute, type Stats } from './api'
import { Chart } from './chart'
import { number, Time } from './format'
import { named, t, type Word } from './i18n'
import { Fact } from './person'
import { Empty, Shown, useResource } from './ui'

const EVERY = 15_000

export function Service() {
  const stats = useResource(api.stats, [])
  useEffect(() => {
    const timer = setInterval(() => {
      if (!document.hidden) void stats.reload()
    }, EVERY)
    return () => { clearInterval(timer) }
  }, [stats.reload])
  return (
    <>
      <h1>{t('service.title')}</h1>
      <Shown of={stats}>{(s) => <Figures s={s} />}</Shown>
    </>
  )
}

function Figures({ s }: { s: Stats }) {
  return (
    <>
      <p class="hint">{t('service.pod', { pod: s.pod })}</p>
      <p class="links">
        {s.dashboardUrl && <a href={s.dashboardUrl} target="_blank" rel="noreferrer noopener">{t('service.dashboard')}</a>}
        <a href="../docs" target="_blank" rel="noreferrer noopener">{t('service.docs')}</a>
        <span>{t('service.updated')} <Time at={s.now} /></span>
      </p>
      <dl class="facts">
        <Fact name={t('service.status')}><mark class={s.status === 'ready' ? 'good' : 'bad'}>{t(`status.${s.status}`)}</mark></Fact>
        <Fact name={t('service.version')}><code>{s.version}</code></Fact>
        <Fact name={t('service.schema')}>{t('service.schema.step', { n: s.schema, kind: s.database.kind })}</Fact>
        <Fact name={t('service.started')}><Time at={s.startedAt} /></Fact>
        <Fact name={t('service.connections')}>{t('service.connections.value', { ...s.database })}</Fact>
        <Fact name={t('service.skew')}><span class={Math.abs(s.clockSkew) > 5 ? 'bad' : ''}>{t('service.seconds', { n: (Math.round(s.clockSkew * 10) / 10 || 0).toFixed(1) })}</span></Fact>
        <Fact name={t('service.revocations')}>{t('service.age', { n: s.revocationsAge.toFixed(1) })}</Fact>
        <Fact name={t('service.purge')}>
          {s.purge.lastSuccess ? <Time at={s.purge.lastSuccess} /> : t('service.purge.never')}
          {s.purge.failures > 0 && <mark class="bad">{t('service.purge.failures', { n: number(s.purge.failures) })}</mark>}
        </Fact>
        <Fact name={t('service.webhooks')}>
          {s.webhooks ? t('service.webhooks.value', { n: number(s.webhooks.waiting), lag: s.webhooks.lag.toFixed(0) }) : t('service.webhooks.off')}
        </Fact>
      </dl>
      <Keys s={s} />
      <section aria-labelledby="hour">
        <div class="heading"><h2 id="hour">{t('service.hour')}</h2></div>
        {s.minutes.length === 0 ? <Empty>{t('service.hour.empty')}</Empty> : <Hour minutes={s.minutes} />}
      </section>
    </>
  )
}

const DAY = 86_400_000

function Keys({ s }: { s: Stats }) {
  const age = (from: string | null) => {
    if (!from) return t('unknown')
    const days = (Date.parse(s.now) - Date.parse(from)) / DAY
    return days < 0 ? t('keys.in', { n: Math.ceil(-days) }) : t('keys.days', { n: Math.floor(days) })
  }
  return (
    <section aria-labelledby="keys">
      <div class="heading"><h2 id="keys">{t('service.keys')}</h2><p class="count">{t('total.keys', { n: s.keys.length })}</p></div>
      <ul class="rows">
        {s.keys.map((k) => (
          <li key={k.use + k.id}>
            <dl class="facts inline">
              <Fact name={t('keys.use')}>{t(`keys.${k.use}` as Word)}</Fact>
              <Fact name={t('keys.state')}><mark class={k.state === 'signs' ? 'good' : ''}>{t(`keys.${k.state}`)}</mark></Fact>
              <Fact name={t('keys.age')}>{age(k.activeFrom)}</Fact>
              <Fact name={t('keys.algorithm')}><code>{k.algorithm}</code></Fact>
              <Fact name={t('keys.id')}><code class="long">{k.id}</code></Fact>
            </dl>
          </li>
        ))}
      </ul>
    </section>
  )
}

// Outcomes of logins and refreshes that are no fault of a request.
const good = new Set(['new_user', 'known_user', 'ticket', 'rotated', 'same_child', 'sibling', 'restored', 'ok', '2xx', '3xx'])
const faults = new Set([
  'error', 'database_unavailable', 'wechat_unavailable', 'provider_unavailable', 'wechat_rejected_app', 'provider_rejected_app',
  'circuit_open', 'unavailable', 'timeout', 'network', 'unexpected', 'rejected_app', '5xx',
])

function sum(m: Record<string, number> | undefined, fits: (outcome: string) => boolean): number {
  return Object.entries(m ?? {}).reduce((n, [outcome, count]) => (fits(outcome) ? n + count : n), 0)
}

type Read = (m: Minute) => Record<string, number> | undefined

function Hour({ minutes }: { minutes: Minute[] }) {
  const platforms = [...new Set(minutes.flatMap((m) => Object.keys(m.calls)))].sort()
  const ms = (n: number) => t('unit.ms', { n: number(Math.round(n * 10_000) / 10) })
  return (
    <div class="charts">
      <Outcomes title={t('chart.logins')} minutes={minutes} read={(m) => m.logins} />
      <Outcomes title={t('chart.refreshes')} minutes={minutes} read={(m) => m.refreshes} reuse />
      {platforms.map((name) => <Outcomes key={name} title={t('chart.platform', { name: named('provider', name) })} minutes={minutes} read={(m) => m.calls[name]} />)}
      <Outcomes title={t('chart.responses')} minutes={minutes} read={(m) => m.responses} />
      <div>
        <Chart lines title={t('chart.times')} unit={ms} summary="" series={[
          { name: 'p99', look: 'failed', values: minutes.map((m) => m.p99) },
          { name: 'p95', look: 'refused', values: minutes.map((m) => m.p95) },
          { name: 'p50', look: 'good', values: minutes.map((m) => m.p50) },
        ]} />
      </div>
      <div>
        <Chart title={t('chart.purged')} summary={t('chart.sum', { n: number(minutes.reduce((n, m) => n + m.purged, 0)) })}
          series={[{ name: t('chart.removed'), look: 'good', values: minutes.map((m) => m.purged) }]} />
      </div>
    </div>
  )
}

/** What became of something in the last hour: a picture, and the numbers below it. */
function Outcomes({ title, minutes, read, reuse = false }: { title: string; minutes: Minute[]; read: Read; reuse?: boolean }) {
  const of = (fits: (outcome: string) => boolean) => minutes.map((m) => sum(read(m), fits))
  const all = new Map<string, number>()
  for (const m of minutes) for (const [outcome, n] of Object.entries(read(m) ?? {})) all.set(outcome, (all.get(outcome) ?? 0) + n)
  return (
    <div>
      <Chart title={title} summary={t('chart.sum', { n: number([...all.values()].reduce((a, b) => a + b, 0)) })} series={[
        { name: t('chart.good'), look: 'good', values: of((o) => good.has(o)) },
        { name: t('chart.refused'), look: 'refused', values: of((o) => !good.has(o) && !faults.has(o) && !(reuse && o === 'reused')) },
        ...(reuse ? [{ name: t('chart.reused'), look: 'reused', values: of((o) => o === 'reused') }] : []),
        { name: t('chart.failed'), look: 'failed', values: of((o) => faults.has(o)) },
      ]} />
      {all.size > 0 && <details>
        <summary>{t('chart.table')}<span class="hidden">: {title}</span></summary>
        <table>
          <thead><tr><th scope="col">{t('chart.outcome')}</th><th scope="col">{t('chart.count')}</th></tr></thead>
          <tbody>{[...all].sort((a, b) => b[1] - a[1]).map(([outcome, n]) => <tr key={outcome}><td><code>{outcome}</code></td><td>{number(n)}</td></tr>)}</tbody>
        </table>
      </details>}
    </div>
  )
}
