/**
 * `@wugan/client/lasting`: a logout that lasts though the app empties its storage (`wx.clearStorageSync()`) and is killed
 * then. Its mark lies in a file of the user's beside, which emptying the storage leaves alone. Tokens never lie there.
 */
import type { Host } from './index'

interface Files {
  readFileSync: (path: string, encoding: string) => unknown
  writeFileSync: (path: string, data: string, encoding: string) => void
  unlinkSync: (path: string) => void
}

/** `wx`, or another host with `env.USER_DATA_PATH` and files; without them, the host as it is. */
export function lasting<H extends Host & { env?: unknown }>(host: H): H {
  const { USER_DATA_PATH: folder } = Object(host.env) as { USER_DATA_PATH?: string }
  if (!folder || !host.getFileSystemManager) return host
  const fs = host.getFileSystemManager() as Files
  const pathOf = (key: string): string => `${folder}/${encodeURIComponent(key)}.mark`
  /** Whether this is the client's mark of a session that ended. */
  const isMark = (value: string): boolean => {
    try {
      const record = JSON.parse(value) as { v?: number; accessToken?: string }
      return record.v === 1 && !record.accessToken
    } catch {
      return false
    }
  }
  const attempt = (work: () => unknown): unknown => {
    try {
      return work()
    } catch {
      // No such file, or no room: then the storage alone knows.
      return undefined
    }
  }
  return Object.assign({}, host, {
    getStorageSync: (key: string) => host.getStorageSync(key) || attempt(() => fs.readFileSync(pathOf(key), 'utf8')) || '',
    setStorageSync: (key: string, value: string) => {
      attempt(() => {
        if (isMark(value)) fs.writeFileSync(pathOf(key), value, 'utf8')
        else fs.unlinkSync(pathOf(key))
      })
      host.setStorageSync(key, value)
    },
  })
}
