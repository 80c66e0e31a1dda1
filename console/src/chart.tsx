import { number } from './format'
import { t } from './i18n'

export interface Series { name: string; look: string; values: number[] }

const WIDTH = 600
const HEIGHT = 120

/** A line that breaks where there is no value. A value alone is a dot: a line of no length with round ends. */
function path(values: number[], x: (i: number) => number, y: (n: number) => number): string {
  return values.map((n, i) => (n > 0 ? `${(values[i - 1] ?? 0) > 0 ? 'L' : 'M'}${String(x(i))},${String(y(n))}h0` : '')).join('')
}

interface Drawn { title: string; series: Series[]; summary: string; unit?: (n: number) => string; lines?: boolean }

/** A small picture of the last hour: stacked bars, or lines. The numbers stand below it, for those who do not see it. */
export function Chart({ title, series, summary, unit = number, lines = false }: Drawn) {
  const minutes = Math.max(...series.map((s) => s.values.length), 1)
  const tops = Array.from({ length: minutes }, (_, i) => {
    const at = series.map((s) => s.values[i] ?? 0)
    return lines ? Math.max(...at) : at.reduce((a, b) => a + b, 0)
  })
  const top = Math.max(...tops, lines ? 0.001 : 1)
  // The last hour has sixty places; a process that began later leaves the first ones empty.
  const places = Math.max(60, minutes)
  const step = WIDTH / places
  const left = (i: number) => (places - minutes + i) * step
  const y = (n: number) => HEIGHT - (n / top) * (HEIGHT - 4)
  return (
    <figure class="chart">
      <figcaption><strong>{title}</strong> <span>{summary}</span></figcaption>
      <svg viewBox={`0 0 ${String(WIDTH)} ${String(HEIGHT)}`} role="img" aria-label={t('chart.label', { title })} preserveAspectRatio="none">
        <line class="axis" x1="0" x2={WIDTH} y1={HEIGHT} y2={HEIGHT} />
        {lines
          ? series.map((s) => <path key={s.name} class={'line ' + s.look} d={path(s.values, (i) => left(i) + step / 2, y)} />)
          : tops.map((_, i) => {
            let below = 0
            return series.map((s) => {
              const n = s.values[i] ?? 0
              const from = below
              below += n
              return n > 0 && <rect key={s.name + i} class={'bar ' + s.look} x={left(i) + 1} width={step - 2} y={y(below)} height={y(from) - y(below)} />
            })
          })}
      </svg>
      <ul class="legend">
        {series.map((s) => <li key={s.name}><span class={'swatch ' + s.look} aria-hidden="true" />{s.name}</li>)}
        <li class="top">{t('chart.max', { n: unit(Math.max(...tops)) })}</li>
      </ul>
    </figure>
  )
}
