/** examples/miniprogram, plain wx, in Node on miniprogram-simulate. */
import { FOLDER, NATIVE, PACKAGES, settle } from './support/native.mjs'
import { promises } from './support/promises.mjs'
import { startSimulated } from './support/simulate.mjs'

promises('native mini program on miniprogram-simulate', () => startSimulated(FOLDER, settle, PACKAGES), NATIVE, { stream: true, socket: true })
