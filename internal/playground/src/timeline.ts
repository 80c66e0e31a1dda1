/** Draws scenes: a line for each request, a pill for each try, and below them what can be counted. */
import { make, write } from './dom'
import { factsOf } from './story'
import type { Row, Scene } from './story'
import type { Text } from './text'
import type { Call } from './wire'

/** What a scene shows at least, in milliseconds, so that its first calls do not fill the width. */
const LEAST = 1500
/** A strip of steady traffic is so long. */
export const STRIP = 40_000

interface DrawnRow {
  row: Row
  track: HTMLElement
  pills: Map<Call, HTMLElement>
  waits: HTMLElement[]
  outcome: HTMLElement
}

interface Drawn {
  scene: Scene
  article: HTMLElement
  badge: HTMLElement
  axis: HTMLElement
  list: HTMLElement
  facts: HTMLElement
  told: HTMLElement
  rows: Map<Row, DrawnRow>
  step: number
}

export interface Timeline {
  /** Brings the picture up to date. */
  draw: () => void
  /** Draws everything anew, in another language. */
  translate: (text: Text) => void
}

export function createTimeline(list: HTMLElement, scenes: Scene[], words: Text): Timeline {
  let text = words
  let drawn: Drawn[] = []

  return {
    draw,
    translate(other) {
      text = other
      drawn = []
      list.replaceChildren()
      draw()
    },
  }

  function draw(): void {
    drawn = drawn.filter((one) => {
      if (scenes.includes(one.scene)) return true
      one.article.remove()
      return false
    })
    // Newest first; what is new is put in front of what is there.
    for (const scene of [...scenes].reverse()) {
      let one = drawn.find((each) => each.scene === scene)
      if (!one) {
        drawn.push((one = begin(scene)))
        list.prepend(one.article)
      }
      update(one)
    }
    list.dataset['empty'] = String(scenes.length === 0)
  }

  function begin(scene: Scene): Drawn {
    const { title, lead } = text.scene(scene.name)
    const badge = make('span', 'badge')
    const axis = make('div', 'axis')
    axis.setAttribute('aria-hidden', 'true')
    const rows = make('ol', 'rows')
    const facts = make('p', 'facts')
    const told = make('p', 'told')
    const article = make(
      'article', 'scene',
      make('header', '', make('h3', '', title), badge, make('p', 'lead', lead)),
      axis, rows, facts, told,
    )
    article.dataset['scene'] = scene.name
    return { scene, article, badge, axis, list: rows, facts, told, rows: new Map(), step: 0 }
  }

  function update(one: Drawn): void {
    const { scene } = one
    const elapsed = (scene.ended ?? performance.now()) - scene.began
    const span = scene.name === 'steady' ? STRIP : Math.max(LEAST, scene.ended === undefined ? elapsed * 1.12 : elapsed * 1.02)
    const isWaiting = scene.ended === undefined && scene.rows.length === 0
    one.article.dataset['state'] = scene.ended === undefined ? 'running' : scene.asTold === false ? 'otherwise' : 'done'
    one.article.hidden = scene.ended !== undefined && scene.rows.length === 0
    write(one.badge, scene.ended === undefined ? text.say('running') : '')
    drawAxis(one, span)
    for (const row of scene.rows) {
      let line = one.rows.get(row)
      if (!line) {
        line = beginRow(row)
        one.rows.set(row, line)
        one.list.append(line.track.parentElement!)
      }
      updateRow(line, scene, span)
    }
    write(one.facts, isWaiting ? text.say('expiring') : scene.ended === undefined ? '' : factsText(scene, text))
    write(one.told, toldText(scene, text))
  }

  function drawAxis(one: Drawn, span: number): void {
    const step = [250, 500, 1000, 2000, 5000, 10_000].find((each) => span / each <= 5) ?? 30_000
    if (one.step !== step) {
      one.step = step
      one.axis.replaceChildren()
    }
    const ticks = Math.floor((span * 0.96) / step)
    while (one.axis.childElementCount <= ticks) {
      one.axis.append(make('span', '', `${String((one.axis.childElementCount * step) / 1000)} s`))
    }
    Array.from(one.axis.children).forEach((tick, index) => {
      ;(tick as HTMLElement).style.left = percent((index * step) / span)
      ;(tick as HTMLElement).hidden = index > ticks
    })
    one.article.style.setProperty('--tick', percent(step / span))
  }

  function beginRow(row: Row): DrawnRow {
    const name = row.kind === 'request' ? `${row.method} ${row.path.replace('/api/v1', '')}` : text.say(`kind.${row.kind}`)
    const label = make('span', 'label', make('b', row.actor, text.say(`actor.${row.actor}`)), make('span', row.kind, row.kind === 'outage' ? '' : name))
    const track = make('span', 'track')
    track.setAttribute('aria-hidden', 'true')
    const outcome = make('span', 'outcome')
    make('li', 'row ' + row.kind, label, track, outcome)
    return { row, track, pills: new Map(), waits: [], outcome }
  }

  function updateRow(line: DrawnRow, scene: Scene, span: number): void {
    const { row, track } = line
    const at = (time: number): number => Math.max(0, (time - scene.began) / span)
    let waits = 0
    const drawWait = (from: number, to: number): void => {
      const wait = (line.waits[waits++] ??= track.appendChild(make('span', 'wait')))
      wait.style.left = percent(at(from))
      wait.style.width = percent(at(to) - at(from))
    }
    const first = row.calls[0]?.began ?? performance.now()
    if (row.asked !== undefined && first - row.asked > 40) drawWait(row.asked, first)
    row.calls.forEach((call, index) => {
      let pill = line.pills.get(call)
      if (!pill) {
        pill = make('span', 'pill')
        line.pills.set(call, pill)
        track.append(pill)
      }
      pill.className = 'pill ' + look(call)
      write(pill, scene.name === 'steady' ? '' : short(call, text))
      pill.style.left = percent(at(call.began))
      pill.style.width = percent(at(call.ended ?? performance.now()) - at(call.began))
      // Between two tries, and after a refusal while no caller has an answer yet, the caller waits.
      const next = row.calls[index + 1]
      const isLast = !next && row.got === undefined && scene.ended === undefined && row.kind === 'request' && call.status === 401
      if (scene.name === 'steady' || call.ended === undefined || (!next && !isLast)) return
      if (row.kind === 'refresh' && !call.lost) return
      drawWait(call.ended, next ? next.began : performance.now())
    })
    line.waits.splice(waits).forEach((wait) => { wait.remove() })
    drawOutcome(line, scene)
  }

  function drawOutcome({ row, outcome }: DrawnRow, scene: Scene): void {
    const parts: { kind: string; text: string; code: string }[] = row.calls
      .filter((call) => call.ended !== undefined && call.kind !== 'outage')
      .map((call) => ({ kind: look(call), text: short(call, text), code: call.code ?? '' }))
    if (typeof row.got === 'string') parts.push({ kind: 'refused', text: '✕', code: row.got })
    if (scene.name === 'steady' || parts.length > 5) {
      const last = parts[parts.length - 1]
      write(outcome, last ? `${String(parts.length)} × ${last.text}` : '')
      return
    }
    const signature = JSON.stringify(parts)
    if (outcome.dataset['shown'] === signature) return
    outcome.dataset['shown'] = signature
    outcome.replaceChildren(
      ...parts.flatMap((part, index) => {
        const chip = make('span', part.kind, part.text, ...(part.code ? [make('i', '', ' ' + part.code)] : []))
        return index ? [make('span', 'then', ' → '), chip] : [chip]
      }),
    )
  }
}

/** The facts of a scene in one line. */
export function factsText(scene: Scene, text: Text): string {
  const facts = factsOf(scene)
  const parts = (['requests', 'refused', 'unavailable', 'lost', 'refreshes', 'logins', 'answers', 'rejected'] as const)
    .filter((what) => facts[what] > 0)
    .map((what) => text.count(what, facts[what]))
  return [...parts, `${(facts.milliseconds / 1000).toFixed(1)} s`].join(' · ')
}

/** What a scene has shown, once it has ended. */
export function toldText(scene: Scene, text: Text): string {
  if (scene.ended === undefined || scene.asTold === undefined) return ''
  return scene.asTold ? text.scene(scene.name).told : text.say('otherwise')
}

/** How a call is drawn. */
function look(call: Call): string {
  if (call.kind === 'outage') return 'outage'
  if (call.lost) return 'lost'
  if (call.ended === undefined) return 'sent ' + call.kind
  if (call.status === undefined || call.status >= 500) return 'down'
  if (call.status >= 400) return 'refused'
  return call.kind === 'request' ? 'ok' : call.kind
}

function short(call: Call, text: Text): string {
  if (call.kind === 'outage') return text.say('kind.outage')
  return call.lost ? text.say('lostPill') : call.ended === undefined ? '' : call.status === undefined ? '✕' : String(call.status)
}

function percent(share: number): string {
  return (share * 100).toFixed(2) + '%'
}
