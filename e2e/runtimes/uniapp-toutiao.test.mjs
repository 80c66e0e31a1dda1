/** examples/uniapp built for Douyin, in Chromium, on Douyin's functions by its typings. */
import { startMini } from './support/mini.mjs'
import { promises, SHOP } from './support/promises.mjs'
import { settle } from './support/web.mjs'

promises(
  'uni-app mp-toutiao on glass-easel',
  () => startMini('../../examples/uniapp/dist/build/mp-toutiao', settle, {}, 'toutiao'),
  SHOP,
  { expire: true, steal: true, upload: true },
)
