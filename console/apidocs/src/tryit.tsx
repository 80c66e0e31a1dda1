import { signal } from '@preact/signals'
import { useState } from 'preact/hooks'
import { encode, exampleBody } from './samples'
import { written, type Operation } from './spec'
import { Code } from './text'
import { t, type Word } from './words'

/** What the caller typed, by security scheme, and the client's id and secret. It lives in this page's memory alone: a token is never stored. */
const credentials = signal<Record<string, string>>({})

interface Outcome { status: string; ms: number; headers: string; body: string }

/** Methods and paths that take something away: they want a second step. */
const destroys = (operation: Operation) =>
  operation.method === 'delete' || /\/(disable|merge|logout-all|logout|revoke|roles|metadata)$/.test(operation.path)

/** A form that sends the request from this page, with the caller's own token, and shows what comes back. */
export function TryIt({ operation, origin }: { operation: Operation; origin: string }) {
  const body = exampleBody(operation)
  const form = body?.type === 'application/x-www-form-urlencoded'
  const [values, setValues] = useState<Record<string, string>>({})
  const [text, setText] = useState(body ? (form ? encode(body.type, body.value) : written(body.value)) : '')
  const [sure, setSure] = useState(false)
  const [sending, setSending] = useState(false)
  const [outcome, setOutcome] = useState<Outcome | undefined>()
  const [failure, setFailure] = useState('')

  const send = async () => {
    const missing = operation.parameters.find((p) => p.in === 'path' && !values[p.name])
    if (missing) { setFailure(t('try.missing', { name: missing.name })); return }
    setSending(true)
    setFailure('')
    setOutcome(undefined)
    try {
      setOutcome(await exchange(operation, origin, values, body && { type: body.type, text }))
    } catch (error) {
      setFailure(t('try.failed', { error: error instanceof Error ? error.message : String(error) }))
    }
    setSending(false)
  }

  return (
    <form class="try" onSubmit={(event) => { event.preventDefault(); void send() }}>
      <p class="hint">{t('try.warning', { origin })}</p>
      {operation.schemes.map((scheme) => <Secret name={scheme} label={t('try.credential', { who: t(`who.${scheme}` as Word) })} />)}
      {operation.path.startsWith('/oauth2/') && <Client />}
      {operation.parameters.map((p) => (
        <label>
          <span><code>{p.name}</code> {t(`in.${p.in}`)}</span>
          <input value={values[p.name] ?? ''} required={p.in === 'path'} autocomplete="off" spellcheck={false}
            onInput={(event) => { setValues({ ...values, [p.name]: event.currentTarget.value }) }} />
        </label>
      ))}
      {body && (
        <label>
          <span>{t('try.body')} <code>{body.type}</code></span>
          <textarea rows={Math.min(12, text.split('\n').length + 1)} spellcheck={false} value={text} onInput={(event) => { setText(event.currentTarget.value) }} />
        </label>
      )}
      {destroys(operation) && (
        <label class="sure"><input type="checkbox" required checked={sure} onChange={(event) => { setSure(event.currentTarget.checked) }} /> {t('try.sure')}</label>
      )}
      <button type="submit" disabled={sending}>{t(sending ? 'try.sending' : 'try.send')}</button>
      <div role="status">
        {failure && <p class="failure">{failure}</p>}
        {outcome && (
          <>
            <p class="outcome"><span class={`status s${outcome.status[0] ?? ''}`}>{t('try.took', { status: outcome.status, ms: outcome.ms })}</span></p>
            <Code text={outcome.headers} />
            <Code text={outcome.body || t('try.empty')} />
          </>
        )}
      </div>
    </form>
  )
}

/** A field whose value is kept under its name in memory. */
function Secret({ name, label }: { name: string; label: string }) {
  return (
    <label>
      <span>{label}</span>
      <input type="password" autocomplete="off" spellcheck={false} value={credentials.value[name] ?? ''}
        onInput={(event) => { credentials.value = { ...credentials.value, [name]: event.currentTarget.value.trim() } }} />
    </label>
  )
}

function Client() {
  return (
    <fieldset>
      <legend>{t('try.client')}</legend>
      <Secret name="client.id" label={t('try.client.id')} />
      <Secret name="client.secret" label={t('try.client.secret')} />
    </fieldset>
  )
}

async function exchange(operation: Operation, origin: string, values: Record<string, string>, body: { type: string; text: string } | undefined): Promise<Outcome> {
  const url = new URL(origin + operation.path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(values[name] ?? '')))
  const headers = new Headers()
  for (const { name, in: place } of operation.parameters) {
    const value = values[name]
    if (!value) continue
    if (place === 'query') url.searchParams.set(name, value)
    if (place === 'header') headers.set(name, value)
  }
  const bearer = operation.schemes.map((scheme) => credentials.value[scheme]).find(Boolean)
  const { 'client.id': id = '', 'client.secret': secret = '' } = credentials.value
  if (bearer) headers.set('Authorization', 'Bearer ' + bearer)
  // RFC 6749 section 2.3.1: both are form-encoded before they are joined.
  else if (id || secret) headers.set('Authorization', 'Basic ' + btoa(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`))
  if (body) headers.set('Content-Type', body.type)
  const started = performance.now()
  const response = await fetch(url, {
    method: operation.method.toUpperCase(), headers, credentials: 'omit', cache: 'no-store', redirect: 'manual',
    ...(body ? { body: body.text } : {}),
  })
  const text = await response.text()
  return {
    status: `${String(response.status)} ${response.statusText}`.trim(),
    ms: Math.round(performance.now() - started),
    headers: [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n'),
    body: pretty(text),
  }
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
