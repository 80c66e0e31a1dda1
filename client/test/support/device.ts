/** A device with WeChat on it: a host in `wx`'s shape in front of a `Service`, on fake timers. */
import type { Host, HostCall } from '../../src/host'
import { type Fault, Service } from './service'

type Sent = HostCall & { url: string; method?: string; data?: unknown; header?: Record<string, string>; filePath?: string }

export const BASE = 'https://api.example.com'
export const LOGIN = '/api/v1/auth/login'
export const REFRESH = '/api/v1/auth/refresh'
export const LOGOUT = '/api/v1/auth/logout'

/** One storage may be shared by several devices, which then are tabs. */
export interface SharedStorage {
  values: Map<string, string>
  watchers: { device: Device; key: string; changed: () => void }[]
}

export class Device {
  /** How long one way takes, in milliseconds. */
  latency: (path?: string) => number = () => 25
  user = 'alice'
  /** What `wx.login` does next, one call each; then it gives codes. */
  readonly loginScript: ('fail' | 'hang' | 'empty')[] = []
  storageBroken = false
  /** Statuses of 400 and more arrive through `fail`, as on WeChat on PC, or with the names of uni-app's Alipay runtime. */
  failsWith: 'statusCode' | 'status' | undefined
  /** Until when the app sleeps: what arrives meanwhile is told afterwards. */
  asleepUntil = 0
  readonly onWire: Record<string, number> = {}
  readonly most: Record<string, number> = {}
  /** Addresses as they went out, in order. */
  readonly sent: { url: string; header: Record<string, string>; method: string }[] = []
  readonly unlinked: string[] = []
  /** Calls given up; `onAbort` hears of each. */
  aborts = 0
  onAbort: () => void = () => undefined
  /** Calls of `wx.login`. */
  logins = 0
  private readonly shows = new Set<() => void>()

  constructor(
    readonly service: Service = new Service(),
    readonly storage: SharedStorage = { values: new Map(), watchers: [] },
  ) {}

  /** The app comes to the front. */
  show(): void {
    for (const listener of this.shows) listener()
  }

  get listening(): number {
    return this.shows.size
  }

  readonly host: Host = {
    request: (sent: Sent) => this.wire('request', sent),
    uploadFile: (sent: Sent) => this.wire('uploadFile', sent),
    downloadFile: (sent: Sent) => this.wire('downloadFile', sent),
    login: ({ success, fail }: HostCall) => {
      this.logins++
      const next = this.loginScript.shift()
      if (next === 'hang') return
      setTimeout(() => {
        if (next === 'fail') fail({ errMsg: 'login:fail' })
        else success({ code: next === 'empty' ? '' : this.service.newCode(this.user) })
      }, this.latency())
    },
    getStorageSync: (key) => this.storage.values.get(key) ?? '',
    setStorageSync: (key, value) => {
      if (this.storageBroken) throw new Error('exceeded the storage limit')
      this.storage.values.set(key, value)
      for (const watcher of this.storage.watchers) {
        if (watcher.device !== this && watcher.key === key) setTimeout(watcher.changed, 1)
      }
    },
    removeStorageSync: (key) => {
      this.storage.values.delete(key)
    },
    onAppShow: (listener) => {
      this.shows.add(listener)
    },
    offAppShow: (listener) => {
      this.shows.delete(listener)
    },
    getFileSystemManager: () => ({
      unlink: ({ filePath }: { filePath: string }) => {
        this.unlinked.push(filePath)
      },
    }),
  }

  /** The same device as a tab: the storage tells the other tabs. */
  asTab(): Host {
    return {
      ...this.host,
      watchStorage: (key, changed) => {
        const watcher = { device: this, key, changed }
        this.storage.watchers.push(watcher)
        return () => {
          this.storage.watchers.splice(this.storage.watchers.indexOf(watcher), 1)
        }
      },
    }
  }

  /** Another tab, or the user, clears the origin's storage. */
  clearStorage(): void {
    this.storage.values.clear()
    for (const watcher of this.storage.watchers) if (watcher.device !== this) setTimeout(watcher.changed, 1)
  }

  private wire(kind: string, sent: Sent): { abort: () => void; onProgressUpdate: (listener: (event: object) => void) => void } {
    const path = sent.url.replace(BASE, '').split('?')[0] ?? ''
    const header = sent.header ?? {}
    const method = sent.method ?? (kind === 'uploadFile' ? 'POST' : 'GET')
    const isAuth = [LOGIN, REFRESH].includes(path)
    const lane = isAuth ? 'auth' : kind
    this.onWire[lane] = (this.onWire[lane] ?? 0) + 1
    this.most[lane] = Math.max(this.most[lane] ?? 0, this.onWire[lane])
    this.sent.push({ url: sent.url, header, method })
    let open = true
    let progress: (event: object) => void = () => undefined
    const end = (say: () => void): void => {
      if (!open) return
      open = false
      this.onWire[lane]!--
      say()
    }
    const fault = this.service.fault(path)
    if (fault?.kind === 'late') {
      setTimeout(() => { this.service.handle(method, path, header, sent.data) }, fault.after)
      if (fault.fails) setTimeout(() => { end(() => { sent.fail({ errMsg: `${kind}:fail interrupted` }) }) }, this.latency(path))
      return { abort: () => { this.aborts++; end(() => { sent.fail({ errMsg: `${kind}:fail abort` }) }) }, onProgressUpdate: () => undefined }
    }
    setTimeout(() => {
      if (open && kind === 'uploadFile') progress({ progress: 50 })
      const answer = fault?.kind === 'fail' ? undefined : this.answer(kind, fault, method, path, header, sent)
      if (!answer || fault?.kind === 'hang') {
        if (fault?.kind === 'hang') return
        end(() => { sent.fail({ errMsg: `${kind}:fail` }) })
        return
      }
      const arrives = this.latency(path)
      setTimeout(() => {
        end(() => {
          const { statusCode, ...rest } = answer as { statusCode: number }
          if (this.failsWith && statusCode > 399) {
            sent.fail({ errMsg: `${kind}:fail`, ...rest, [this.failsWith]: statusCode })
            return
          }
          if (fault?.kind === 'lost') sent.fail({ errMsg: `${kind}:fail interrupted` })
          else sent.success(answer)
        })
      }, Math.max(arrives, this.asleepUntil - Date.now()))
    }, this.latency(path))
    return {
      abort: () => {
        this.aborts++
        this.onAbort()
        end(() => { sent.fail({ errMsg: `${kind}:fail abort` }) })
      },
      onProgressUpdate: (listener) => { progress = listener },
    }
  }

  private answer(kind: string, fault: Fault | undefined, method: string, path: string, header: Record<string, string>, sent: Sent): object {
    if (fault?.kind === 'answer') {
      this.service.calls.push({ at: Date.now(), path, method, token: (header.Authorization ?? '').replace('Bearer ', ''), secret: '' })
      return this.shape(kind, { statusCode: fault.status, data: fault.body, header: fault.header ?? {} }, sent)
    }
    return this.shape(kind, this.service.handle(method, path, header, sent.data), sent)
  }

  /** Uploads answer with text, downloads with a file, whatever the status. */
  private shape(kind: string, answer: { statusCode: number; data: unknown; header?: object }, sent: Sent): object {
    if (kind === 'uploadFile') return { ...answer, data: JSON.stringify(answer.data) }
    if (kind !== 'downloadFile') return answer
    const { statusCode, header } = answer
    return { statusCode, header, ...(sent.filePath ? { filePath: sent.filePath } : { tempFilePath: 'tmp/1' }) }
  }
}
