/** examples/uniapp built for Alipay, in Chromium, on Alipay's functions by its typings. */
import { startMini } from './support/mini.mjs'
import { promises, SHOP } from './support/promises.mjs'
import { settle } from './support/web.mjs'

promises(
  'uni-app mp-alipay on glass-easel',
  () => startMini('../../examples/uniapp/dist/build/mp-alipay', settle, {}, 'alipay'),
  SHOP,
  { expire: true, steal: true, upload: true },
)
