/** What happened, as data: scenes, their rows, the calls of each row, and the facts that follow from them. No DOM. */
import type { Actor, Call, Kind } from './wire'

/** The scenes that the page can play. Each has a title and a lead in text.ts. */
export type SceneName =
  | 'opened' | 'one' | 'five' | 'lost' | 'stolen' | 'wechat' | 'everywhere' | 'ends' | 'login' | 'logout' | 'switched' | 'steady' | 'aside'

/** One line of the picture: a request with all its tries, or one actor's refreshes, logins or logouts of a scene. */
export interface Row {
  key: string
  actor: Actor
  kind: Kind
  method: string
  path: string
  calls: Call[]
  /** When the caller asked, which may be long before the first call leaves. */
  asked?: number
  /** What the caller got: a status, or the code of the error it was rejected with. Absent while it waits. */
  got?: number | string
}

export interface Scene {
  name: SceneName
  began: number
  ended?: number
  rows: Row[]
  /** Whether it went as the scene's text says; absent until it has ended. */
  asTold?: boolean
}

/** What can be counted in a scene. */
export interface Facts {
  requests: number
  answers: number
  refused: number
  refreshes: number
  logins: number
  lost: number
  unavailable: number
  rejected: number
  milliseconds: number
}

/** The row that a call belongs to, made when there is none. */
export function rowOf(scene: Scene, call: Call): Row {
  const key = call.kind === 'request' ? `${call.actor} ${call.id}` : `${call.actor} ${call.kind}`
  let row = scene.rows.find((one) => one.key === key)
  if (!row) {
    row = { key, actor: call.actor, kind: call.kind, method: call.method, path: call.path, calls: [] }
    scene.rows.push(row)
  }
  return row
}

/** Counts what happened; with an actor, only to it. */
export function factsOf(scene: Scene, actor?: Actor): Facts {
  const rows = scene.rows.filter((row) => !actor || row.actor === actor)
  const calls = rows.flatMap((row) => row.calls)
  const count = (test: (call: Call) => boolean): number => calls.filter(test).length
  const requests = rows.filter((row) => row.kind === 'request')
  // The rows of steady traffic hold many requests, each sent once unless it was refused.
  const settled = requests.flatMap((row) => (row.got === undefined ? row.calls.filter((call) => call.status !== 401).map((call) => call.status) : [row.got]))
  return {
    requests: settled.length,
    answers: settled.filter((got) => typeof got === 'number' && got < 400).length,
    refused: count((call) => call.status === 401),
    refreshes: count((call) => call.kind === 'refresh' && call.status === 200),
    logins: count((call) => call.kind === 'login' && call.status === 200),
    lost: count((call) => call.lost === true),
    unavailable: count((call) => call.status === 503),
    rejected: settled.filter((got) => typeof got === 'string').length,
    milliseconds: (scene.ended ?? performance.now()) - scene.began,
  }
}
