/** examples/miniprogram, plain wx, in Chromium on WeChat's own framework. */
import { startMini } from './support/mini.mjs'
import { FOLDER, NATIVE, PACKAGES, settle } from './support/native.mjs'
import { promises } from './support/promises.mjs'

promises('native mini program on glass-easel', () => startMini(FOLDER, settle, PACKAGES), NATIVE, { stream: true, socket: true })
