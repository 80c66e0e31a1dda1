/** The stage: who is on it, what they did so far, and the few tricks that the plays need. No DOM. */
import { createClient, fetchHost } from '../../../client/src/index'
import type { Client, ClientError, ClientOptions } from '../../../client/src/index'
import { rowOf } from './story'
import type { Row, Scene, SceneName } from './story'
import { createWire } from './wire'
import type { Actor, Call, Wire } from './wire'

/** Where the phone's client keeps its session, in localStorage. */
const KEY = 'wugan-playground'
/** Where the page keeps the name that this browser plays under. */
const NAME_KEY = 'wugan-playground-name'
/** Scenes that stay on the page. */
const KEPT = 6
/** A scene that no one opened ends when the wire was silent for so long, in milliseconds. */
const SILENCE = 600

/** The tokens as the client stores them. Lives are in seconds. */
export interface Tokens {
  accessToken: string
  refreshToken: string
  expiresIn: number
  refreshExpiresIn: number
  /** When they came, by this page's own clock, in milliseconds since 1970. */
  at: number
}

/** What is counted since the page was opened, of the phone alone. */
export interface Totals {
  answered: number
  refreshes: number
  logins: number
  /** Requests whose caller got an error. */
  noticed: number
}

export interface Stage {
  readonly phone: Client
  readonly wire: Wire
  readonly scenes: Scene[]
  readonly totals: Totals
  /** The scene under way. */
  current: () => Scene | undefined
  /** Plays a scene: opens it, waits for the play, and ends it. One at a time. */
  play: (name: SceneName, run: () => Promise<boolean | undefined>) => Promise<void>
  /** Sends a request and notes what its caller gets. It never rejects. */
  ask: (actor: Actor, client: Client, method: string, path: string, more?: { id?: string; data?: unknown }) => Promise<Row>
  /** Does something without showing it. */
  behind: <T>(work: () => Promise<T>) => Promise<T>
  /** Another client, whose session is kept in memory. */
  another: (actor: Actor, options: Partial<ClientOptions>) => Client
  /** The phone's access token expires, and its clock is slow, so that its client cannot know. */
  expire: () => Promise<void>
  /** Signs the phone in, if it is not, without showing it. */
  signIn: () => Promise<void>
  tokens: () => Tokens | undefined
  /** Logs in as this, by the code of the stand-in for WeChat. */
  readonly name: string
}

/** `changed` is called whenever something on the stage did. */
export function createStage(changed: () => void): Stage {
  const name = nameOf(localStorage)
  const scenes: Scene[] = []
  const totals: Totals = { answered: 0, refreshes: 0, logins: 0, noticed: 0 }
  /** The scene that somebody plays; another one may be open that nobody does. */
  let played: Scene | undefined
  /** Where each call began: its answer belongs there, even when another scene is played by then. */
  const homes = new WeakMap<Call, Scene>()
  let silence: ReturnType<typeof setTimeout> | undefined
  /** How far the phone's clock is behind, in milliseconds. */
  let lag = 0
  let backstage = false
  let requests = 0
  let known: Tokens | undefined

  const wire = createWire(noteCall, () => backstage)
  const phone = createClient({
    host: fetchHost({ fetch: wire.as('phone') }),
    baseURL: '',
    storageKey: KEY,
    deviceId: 'playground-phone',
    deviceName: 'playground',
    getCode: () => 'dev:' + name,
    now: () => Date.now() - lag,
  })
  phone.onAuthStateChange(changed)

  return { phone, wire, scenes, totals, name, current: () => scenes[0]?.ended === undefined ? scenes[0] : undefined, play, ask, behind, another, expire, signIn, tokens }

  function open(scene: SceneName): Scene {
    clearTimeout(silence)
    if (scenes[0]) scenes[0].ended ??= performance.now()
    const opened: Scene = { name: scene, began: performance.now(), rows: [] }
    // A strip of steady traffic takes the place of the one before it.
    if (scene === 'steady' && scenes[0]?.name === 'steady') scenes.shift()
    scenes.unshift(opened)
    scenes.length = Math.min(scenes.length, KEPT)
    changed()
    return opened
  }

  function close(scene: Scene, asTold?: boolean): void {
    scene.ended ??= performance.now()
    scene.asTold = asTold
    changed()
  }

  function noteCall(call: Call): void {
    const scene = homes.get(call) ?? played ?? (scenes[0]?.ended === undefined && scenes[0] ? scenes[0] : open('aside'))
    homes.set(call, scene)
    const row = rowOf(scene, call)
    if (!row.calls.includes(call)) row.calls.push(call)
    if (call.actor === 'phone' && call.status === 200) {
      if (call.kind === 'refresh') totals.refreshes++
      if (call.kind === 'login') totals.logins++
    }
    if (!played && scene.ended === undefined) {
      clearTimeout(silence)
      if (scene.rows.every((one) => one.calls.every((each) => each.ended !== undefined))) {
        silence = setTimeout(() => { close(scene) }, SILENCE)
      }
    }
    changed()
  }

  async function play(scene: SceneName, run: () => Promise<boolean | undefined>): Promise<void> {
    const opened = (played = open(scene))
    let asTold: boolean | undefined = false
    try {
      asTold = await run()
    } finally {
      if (played === opened) played = undefined
      close(opened, asTold)
    }
  }

  async function ask(actor: Actor, client: Client, method: string, path: string, { id, data }: { id?: string; data?: unknown } = {}): Promise<Row> {
    const scene = played ?? open('aside')
    const url = '/api/v1' + path
    const shared = id !== undefined
    const row: Row = shared
      ? rowOf(scene, { actor, kind: 'request', method, path: url, id, began: 0 })
      : { key: `${actor} playground-${String(++requests)}`, actor, kind: 'request', method, path: url, calls: [] }
    if (!scene.rows.includes(row)) scene.rows.push(row)
    if (!shared) row.asked = performance.now()
    let got: number | string
    try {
      // The id goes along when the client sends the request again: so the tries of one request find together.
      got = (await client.request({ url, method, data, header: { 'X-Request-Id': row.key.split(' ')[1] ?? '' } })).statusCode
    } catch (error) {
      got = (error as ClientError).code
    }
    if (!shared) row.got = got
    if (actor === 'phone') {
      if (typeof got === 'string') totals.noticed++
      else totals.answered++
    }
    changed()
    return row
  }

  function another(actor: Actor, options: Partial<ClientOptions>): Client {
    const memory = new Map<string, string>()
    const storage = {
      getItem: (key: string) => memory.get(key) ?? null,
      setItem: (key: string, value: string) => void memory.set(key, value),
      removeItem: (key: string) => void memory.delete(key),
    }
    return createClient({
      host: fetchHost({ fetch: wire.as(actor), storage }),
      baseURL: '',
      storageKey: `${KEY}-${actor}`,
      deviceId: `playground-${actor}`,
      deviceName: `playground ${actor}`,
      ...options,
    })
  }

  async function behind<T>(work: () => Promise<T>): Promise<T> {
    backstage = true
    try {
      return await work()
    } finally {
      backstage = false
    }
  }

  async function expire(): Promise<void> {
    await signIn()
    await behind(async () => {
      const life = wire.life
      wire.life = '1s'
      try {
        await phone.refresh()
      } finally {
        wire.life = life
      }
      const session = phone.getSession()
      await sleep((session.expiresAt ?? 0) - (Date.now() - lag) + 60)
    })
    // Behind by more than has passed since the token came: to the client it has hardly begun.
    lag += 2000
    const scene = played
    if (scene) scene.began = performance.now()
    changed()
  }

  async function signIn(): Promise<void> {
    const { state } = phone.getSession()
    if (state === 'loggedOut' || state === 'anonymous') await behind(() => phone.login())
  }

  function tokens(): Tokens | undefined {
    const stored = readJSON(localStorage.getItem(KEY)) as Tokens | undefined
    if (!stored?.accessToken) return undefined
    if (known?.accessToken !== stored.accessToken) {
      // What was stored before the page opened came at the time that is stored with it; the rest comes now.
      known = { ...stored, at: known || lag ? Date.now() : stored.at }
    }
    return known
  }
}

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** A name of this browser's own, so that two people who try the same server do not end one another's sessions. */
function nameOf(storage: Storage): string {
  const name = storage.getItem(NAME_KEY) ?? 'guest-' + Math.random().toString(36).slice(2, 6)
  storage.setItem(NAME_KEY, name)
  return name
}

function readJSON(text: string | null): unknown {
  try {
    return JSON.parse(text ?? '') ?? undefined
  } catch {
    return undefined
  }
}
