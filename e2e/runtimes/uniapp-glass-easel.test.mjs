/** examples/uniapp built for WeChat, in Chromium on WeChat's own framework. */
import { startMini } from './support/mini.mjs'
import { promises, SHOP } from './support/promises.mjs'

promises('uni-app mp-weixin on glass-easel', () => startMini(
  '../../examples/uniapp/dist/build/mp-weixin',
  (text, stack) => text.replaceAll('http://localhost:8080', stack.auth.url).replaceAll('http://localhost:8081', stack.shop.url),
), SHOP, { expire: true, steal: true, upload: true })
