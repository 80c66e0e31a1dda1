import { fetchHost } from '@wugan/client'
// The same createClient, for development: it tells each decision in the console, and draws its calls. A page that ships
// takes it from '@wugan/client'.
import { createClient, drawTimeline } from '@wugan/client/devtools'
import { connect, webSockets } from '@wugan/client/socket'
import { stream } from '@wugan/client/stream'
import { takeTicket, weixinPage, weixinQR } from '@wugan/client/weixin'

// The app of `wugan dev` for web pages, and its mocks of WeChat's two pages. Of your own app, the id is all.
const appId = 'wechat-oauth'
const isInWeChat = /MicroMessenger/i.test(navigator.userAgent)
const weixin = isInWeChat
  ? weixinPage({ appId, authorizeURL: '/connect/oauth2/authorize' })
  : weixinQR({ appId, authorizeURL: '/connect/qrconnect' })

// Inside WeChat the first request logs in silently. Elsewhere there is no getCode: the page asks, and says login_required
// until a person answers. The session is in localStorage; open the page twice to see the tabs share it.
const client = createClient({
  host: fetchHost(),
  baseURL: '',
  appId,
  getCode: isInWeChat ? weixin : undefined,
  debug: true,
  onEntry: (_, all) => drawTimeline(element('calls'), all),
})

function element(id) {
  return document.getElementById(id)
}

function note(text) {
  const item = document.createElement('li')
  item.textContent = `${new Date().toLocaleTimeString()} ${text}`
  element('log').prepend(item)
}

function show() {
  const { state, user } = client.getSession()
  element('session').textContent = user ? `${state}: ${user.id}` : state
}

/** Runs an action and says how it ended. */
const act = (action) => (event) => {
  event.preventDefault()
  action(event.target).then(note, (error) => note(`${error.name}: ${error.code}`)).finally(show)
}

client.onAuthStateChange(({ type }) => {
  note(type)
  show()
})

const me = () => client.get('/api/v1/users/me')

element('login').onsubmit = act((form) => client.login('dev:' + form.elements.name.value).then(({ user }) => 'hello ' + user.id))
element('weixin').onclick = () => { void weixin.ask() }
element('me').onclick = act(() => me().then(({ data }) => JSON.stringify(data)))
element('five').onclick = act(() => Promise.all([me(), me(), me(), me(), me()]).then((all) => all.map((one) => one.statusCode).join(' ')))
// An answer that arrives piece by piece, and a socket that stays logged in: both of examples/shop.
element('ask').onclick = act(async () => {
  element('advice').textContent = ''
  for await (const { data } of stream(client, { url: '/shop/advice', method: 'POST', data: { question: '泡茶' } })) element('advice').textContent += JSON.parse(data)
  return 'advice: ' + element('advice').textContent
})
let socket
element('listen').onclick = () => {
  if (socket) {
    socket.close()
    socket = undefined
    return
  }
  socket = connect(client, { host: webSockets, url: location.origin.replace(/^http/, 'ws') + '/shop/live' })
  socket.onState((state, error) => note(error ? `socket: ${state}, ${error.code}` : 'socket: ' + state))
  socket.onMessage((text) => { element('notice').textContent = text })
}
element('everywhere').onclick = act(() => client.post('/api/v1/auth/logout-all').then(({ statusCode }) => 'logout-all: ' + statusCode))
element('logout').onclick = act(() => client.logout().then(() => 'bye'))
show()

// A mini program opened this page in a web-view with a ticket, or WeChat has led back to it.
const ticket = takeTicket()
const arrive = (login) => login.then(({ user }) => note('hello ' + user.id), (error) => note(`${error.name}: ${error.code ?? error.message}`)).finally(show)
if (ticket) arrive(client.login({ ticket }))
else if (weixin.returned) arrive(weixin().then((code) => client.login(code)))
