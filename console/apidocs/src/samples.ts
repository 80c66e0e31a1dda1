/** Code that makes a call: for a shell, for a mini program, for a back end. */
import { examples, type Operation } from './spec'

const VARIABLE: Record<string, string> = {
  accessToken: 'ACCESS_TOKEN', gatewayKey: 'GATEWAY_KEY', serviceKey: 'SERVICE_KEY', supportKey: 'SUPPORT_KEY', adminKey: 'ADMIN_KEY',
}

const ACCOUNT = "import { withAccount } from '@wugan/client/account'\n\nconst account = withAccount(client)\n"

/** What the client's own methods do, by operation: calling the path by hand would bypass what the client keeps. */
const METHODS: Record<string, string> = {
  login: 'const session = await client.login()',
  logout: 'await client.logout()',
  logoutAll: ACCOUNT + 'await account.logoutAll()',
  issueTicket: ACCOUNT + 'const ticket = await account.getTicket()',
  getMe: ACCOUNT + 'const user = await account.fetchUser()',
  updateMe: ACCOUNT + "const user = await account.saveProfile({ nickname: '小明' })",
  bindPhone: ACCOUNT + 'const user = await account.bindPhone(event.detail.code)',
  closeAccount: ACCOUNT + 'await account.closeAccount()',
}

const JSON_TYPE = 'application/json'
const FORM_TYPE = 'application/x-www-form-urlencoded'

/** The first example of the request body, its media type beside it; undefined where there is no body. */
export function exampleBody(operation: Operation): { type: string; value: unknown } | undefined {
  const [type, media] = Object.entries(operation.body?.content ?? {})[0] ?? []
  if (!type || !media) return undefined
  return { type, value: examples(media)[0]?.value ?? {} }
}

/** A body as it is sent: JSON, a form, or the text itself. */
export function encode(type: string, value: unknown): string {
  if (typeof value === 'string') return value
  return type === FORM_TYPE ? new URLSearchParams(value as Record<string, string>).toString() : JSON.stringify(value)
}

/** A value as it stands in an address. */
const asText = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value))

/** The path with its parameters filled in: the example of each, or its name in braces. */
function filled(operation: Operation): string {
  const query = operation.parameters
    .filter((p) => p.in === 'query' && p.required)
    .map((p) => `${p.name}=${encodeURIComponent(asText(p.example ?? p.name.toUpperCase()))}`)
  const path = operation.path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const { example } = operation.parameters.find((p) => p.name === name) ?? {}
    return example === undefined ? name.toUpperCase() : encodeURIComponent(asText(example))
  })
  return path + (query.length > 0 ? '?' + query.join('&') : '')
}

/** A word for a POSIX shell. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`

function curl(operation: Operation, origin: string): string {
  const lines = [`curl ${operation.method === 'get' ? '' : operation.method === 'head' ? '-I ' : `-X ${operation.method.toUpperCase()} `}${quoted(origin + filled(operation))}`]
  const variable = VARIABLE[operation.schemes[0] ?? '']
  if (variable) lines.push(`-H "Authorization: Bearer $${variable}"`)
  const body = exampleBody(operation)
  if (body) {
    if (body.type !== FORM_TYPE) lines.push(`-H ${quoted('Content-Type: ' + body.type)}`)
    lines.push(`-d ${quoted(encode(body.type, body.value))}`)
  }
  return lines.join(' \\\n  ')
}

function client(operation: Operation): string {
  const own = METHODS[operation.id]
  if (own) return own
  const body = exampleBody(operation)
  const options = [`url: '${filled(operation)}'`]
  if (operation.method !== 'get') options.push(`method: '${operation.method.toUpperCase()}'`)
  if (body) options.push(`data: ${JSON.stringify(body.value, null, 2).replaceAll('\n', '\n  ')}`)
  return `const response = await client.request({\n  ${options.join(',\n  ')},\n})`
}

function node(operation: Operation, origin: string): string {
  const body = exampleBody(operation)
  const headers = [`Authorization: \`Bearer \${process.env.${VARIABLE[operation.schemes[0] ?? ''] ?? 'ACCESS_TOKEN'}}\``]
  if (body) headers.push(`'Content-Type': '${body.type}'`)
  const options = [`headers: { ${headers.join(', ')} }`]
  if (operation.method !== 'get') options.unshift(`method: '${operation.method.toUpperCase()}'`)
  if (body?.type === FORM_TYPE) options.push(`body: new URLSearchParams(${JSON.stringify(body.value)})`)
  else if (body) options.push(`body: JSON.stringify(${JSON.stringify(body.value)})`)
  return `const response = await fetch('${origin}${filled(operation)}', {\n  ${options.join(',\n  ')},\n})\nif (!response.ok) throw new Error(\`HTTP \${response.status}\`)\nconst body = await response.json()`
}

/** The samples of an operation: always curl; the client for what users call; Node for what back ends call. */
export function samples(operation: Operation, origin: string): { kind: 'curl' | 'client' | 'node'; text: string }[] {
  const out: { kind: 'curl' | 'client' | 'node'; text: string }[] = [{ kind: 'curl', text: curl(operation, origin) }]
  const json = !operation.body || JSON_TYPE in operation.body.content
  if (METHODS[operation.id] || (operation.schemes[0] === 'accessToken' && json && !operation.path.startsWith('/oauth2/'))) {
    out.push({ kind: 'client', text: client(operation) })
  } else if (operation.schemes.some((scheme) => scheme !== 'accessToken') && operation.method !== 'head') {
    out.push({ kind: 'node', text: node(operation, origin) })
  }
  return out
}
