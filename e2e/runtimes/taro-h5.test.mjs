/** examples/taro as a web page, in Chromium. */
import { promises, SHOP } from './support/promises.mjs'
import { startH5 } from './support/web.mjs'

promises('Taro H5 in Chromium', () => startH5('../../examples/taro/dist/h5'), SHOP, { expire: true, stream: true, socket: true })
