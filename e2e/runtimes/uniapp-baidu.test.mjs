/** examples/uniapp built for Baidu, in Chromium, on Baidu's functions by its typings. */
import { startMini } from './support/mini.mjs'
import { promises, SHOP } from './support/promises.mjs'
import { settle } from './support/web.mjs'

promises(
  'uni-app mp-baidu on glass-easel',
  () => startMini('../../examples/uniapp/dist/build/mp-baidu', settle, {}, 'baidu'),
  SHOP,
  { expire: true, steal: true, upload: true },
)
