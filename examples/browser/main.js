import { createClient, fetchHost } from '@wugan/client'

// No getCode: a page cannot log in silently, so it asks, and says login_required until somebody answers.
// The session is in localStorage; open the page twice to see the tabs share it.
const client = createClient({ host: fetchHost(), baseURL: '' })

const element = (id) => document.getElementById(id)

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
element('me').onclick = act(() => me().then(({ data }) => JSON.stringify(data)))
element('five').onclick = act(() => Promise.all([me(), me(), me(), me(), me()]).then((all) => all.map((one) => one.statusCode).join(' ')))
element('everywhere').onclick = act(() => client.post('/api/v1/auth/logout-all').then(({ statusCode }) => 'logout-all: ' + statusCode))
element('logout').onclick = act(() => client.logout().then(() => 'bye'))
show()
