const { connect } = require('@wugan/client/socket')
const { stream } = require('@wugan/client/stream')
const client = require('../../client')
const { shopURL } = require('../../config')

/** What to tell a person about each way in which a request can end without an answer. */
const SAY = {
  AuthError: '请先登录',
  NetworkError: '网络不稳定，请稍后再试',
}

const LIVE = { connecting: '连接中', open: '已连接', waiting: '等待重连', loggedOut: '请先登录', closed: '未连接' }

Page({
  data: { session: { state: 'anonymous' }, user: {}, devices: '–', advice: '', live: '未连接', notice: '', log: [] },

  onLoad() {
    this.stop = client.onAuthStateChange(({ type, session, error }) => {
      this.setData({ session })
      this.note(error ? type + ': ' + error.code : type)
    })
    return this.load()
  },

  onUnload() {
    this.stop()
    if (this.socket) this.socket.close()
  },

  // Two requests at once without a session: one login, two answers.
  load() {
    return Promise.all([client.get('/api/v1/users/me'), client.get('/api/v1/sessions')])
      .then(([me, sessions]) => this.setData({ user: me.data, devices: sessions.data.sessions.length, session: client.getSession() }))
      .catch((error) => this.failed(error))
  },

  // Wait until the access token has ended (`wugan dev --access-ttl 30s`), then tap: one refresh, five answers.
  five() {
    const requests = [1, 2, 3, 4, 5].map(() => client.get('/api/v1/users/me'))
    return Promise.all(requests)
      .then((responses) => this.note(responses.map((response) => response.statusCode).join(' ')))
      .catch((error) => this.failed(error))
  },

  // The service tells every device that the user signed out: each stays logged out until a person logs in there.
  everywhere() {
    return client.post('/api/v1/auth/logout-all')
      .then(({ statusCode }) => this.note('logout-all: ' + statusCode))
      .catch((error) => this.failed(error))
  },

  // An answer that arrives piece by piece, through a renewal of the token.
  async ask() {
    this.setData({ advice: '' })
    try {
      for await (const { data } of stream(client, { url: shopURL + '/advice', method: 'POST', data: { question: '泡茶' }, auth: true })) {
        this.setData({ advice: this.data.advice + JSON.parse(data) })
      }
    } catch (error) {
      this.failed(error)
    }
  },

  // One connection, however often the token is renewed.
  listen() {
    if (this.socket) {
      this.socket.close()
      this.socket = undefined
      return
    }
    this.socket = connect(client, { host: wx, url: shopURL.replace(/^http/, 'ws') + '/live' })
    this.setData({ live: LIVE[this.socket.state()] })
    this.socket.onState((state) => this.setData({ live: LIVE[state] }))
    this.socket.onMessage((text) => {
      if (text === 'pong') return
      const { type, order } = JSON.parse(text)
      this.setData({ notice: order ? order.title + '：' + order.state : type })
    })
  },

  login() {
    return client.login().then(() => this.load()).catch((error) => this.failed(error))
  },

  logout() {
    return client.logout().then(() => this.setData({ user: {}, devices: '–', session: client.getSession() }))
  },

  failed(error) {
    this.note(error.name + ': ' + error.code)
    wx.showToast({ title: SAY[error.name] || error.message, icon: 'none' })
  },

  note(text) {
    this.setData({ log: [text].concat(this.data.log).slice(0, 20) })
  },
})
