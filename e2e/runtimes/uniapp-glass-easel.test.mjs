/** examples/uniapp built for WeChat, in Chromium on WeChat's own framework. */
import { startMini } from './support/mini.mjs'
import { promises, SHOP } from './support/promises.mjs'
import { settle } from './support/web.mjs'

promises(
  'uni-app mp-weixin on glass-easel',
  () => startMini('../../examples/uniapp/dist/build/mp-weixin', settle),
  SHOP,
  { expire: true, steal: true, upload: true, stream: true, socket: true },
)
