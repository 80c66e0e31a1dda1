/** examples/uniapp built for QQ, in Chromium, on QQ's functions, which have the forms of wx. */
import { startMini } from './support/mini.mjs'
import { promises, SHOP } from './support/promises.mjs'
import { settle } from './support/web.mjs'

promises(
  'uni-app mp-qq on glass-easel',
  () => startMini('../../examples/uniapp/dist/build/mp-qq', settle, {}, 'qq'),
  SHOP,
  { expire: true, steal: true, upload: true },
)
