/** examples/miniprogram, plain wx: what its page is called to do, and how it answers. */
import { resolve } from 'node:path'
import { until } from './stack.mjs'
import { shows } from './web.mjs'

const PATH = '/api/v1/users/me'

export const NATIVE = {
  where: (stack) => stack.auth,
  path: PATH,
  async answered(device, stack) {
    await until(() => stack.auth.count(PATH, 200) === 5, () => `answers: ${stack.auth.count(PATH, 200)}`)
    await shows(device, 'log', /^200 200 200 200 200/)
  },
  failed: (device, error) => shows(device, 'log', new RegExp('^' + error)),
  loaded: (stack) => stack.auth.count(PATH, 200) >= 1 && stack.auth.count('/api/v1/sessions', 200) >= 1,
  loggedIn: (device) => shows(device, 'state', 'authenticated'),
  loggedOut: (device) => shows(device, 'state', 'loggedOut'),
}

export const FOLDER = resolve('../../examples/miniprogram')

/** The settings of its README for a service of one's own, the login by wx.login included. */
export const settle = (text, stack) => text.replace("'http://127.0.0.1:8080'", `'${stack.auth.url}'`).replace("'http://127.0.0.1:8081'", `'${stack.shop.url}'`).replace("devUser: 'alice'", 'devUser: null')

/** What *Build npm* in WeChat's tools takes from the package. */
export const PACKAGES = { '@wugan/client': resolve('../../client/miniprogram_dist') }
