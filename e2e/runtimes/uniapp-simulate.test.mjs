/** examples/uniapp built for WeChat, in Node on miniprogram-simulate. */
import { resolve } from 'node:path'
import { promises, SHOP } from './support/promises.mjs'
import { startSimulated } from './support/simulate.mjs'

promises('uni-app mp-weixin on miniprogram-simulate', () => startSimulated(
  resolve('../../examples/uniapp/dist/build/mp-weixin'),
  (text, stack) => text.replaceAll('http://localhost:8080', stack.auth.url).replaceAll('http://localhost:8081', stack.shop.url),
), SHOP, { expire: true, steal: true, upload: true })
