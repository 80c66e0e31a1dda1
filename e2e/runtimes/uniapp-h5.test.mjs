/** examples/uniapp as a web page, in Chromium. */
import { promises, SHOP } from './support/promises.mjs'
import { startH5 } from './support/web.mjs'

promises('uni-app H5 in Chromium', () => startH5('../../examples/uniapp/dist/build/h5'), SHOP, { expire: true, steal: true, upload: true, stream: true, socket: true, guard: true })
