/** examples/uniapp built for WeChat, in Node on miniprogram-simulate. */
import { resolve } from 'node:path'
import { promises, SHOP } from './support/promises.mjs'
import { startSimulated } from './support/simulate.mjs'
import { settle } from './support/web.mjs'

promises(
  'uni-app mp-weixin on miniprogram-simulate',
  () => startSimulated(resolve('../../examples/uniapp/dist/build/mp-weixin'), settle),
  SHOP,
  { expire: true, steal: true, upload: true, stream: true, socket: true },
)
