/** examples/uniapp as a web page, in Chromium. */
import { promises, SHOP } from './support/promises.mjs'
import { openPhone, servePages, startBrowser } from './support/web.mjs'

promises('uni-app H5 in Chromium', async () => {
  let addresses
  const pages = await servePages('../../examples/uniapp/dist/build/h5', { rewrite: (text) => addresses(text) })
  const { browser, close } = await startBrowser()
  return {
    origin: pages.origin,
    prepare(stack) {
      addresses = (text) => text.replaceAll('http://localhost:8080', stack.auth.url).replaceAll('http://localhost:8081', stack.shop.url)
    },
    open: (name) => openPhone(browser, `${pages.origin}/?name=${name}`),
    close: () => Promise.all([close(), pages.close()]),
  }
}, SHOP, { expire: true, steal: true, upload: true })
