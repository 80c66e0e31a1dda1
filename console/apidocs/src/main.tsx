import { signal } from '@preact/signals'
import { render } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { Errors } from './errors'
import { OperationView, who } from './operation'
import { Spec, type Document, type Operation } from './spec'
import './style.css'
import { Prose } from './text'
import { choose, lang, said, t, translate } from './words'

/** What is behind the # of the address: an operation's id, `errors`, or nothing. */
const route = signal(here())
function here(): string {
  try {
    return decodeURIComponent(location.hash.slice(1))
  } catch {
    return location.hash.slice(1)
  }
}

/** Where the service is: the page's address without its last part. */
const origin = location.href.replace(/\/docs(\/|\?|#|$).*/, '')

function App({ spec }: { spec: Spec }) {
  const [filter, setFilter] = useState('')
  const main = useRef<HTMLElement>(null)
  useEffect(() => {
    const moved = () => {
      route.value = here()
      scrollTo(0, 0)
      main.current?.focus({ preventScroll: true })
    }
    addEventListener('hashchange', moved)
    return () => { removeEventListener('hashchange', moved) }
  }, [])
  return (
    <>
      <a class="skip" href="#content" onClick={(event) => { event.preventDefault(); main.current?.focus() }}>{t('skip')}</a>
      <header>
        <a class="name" href="#"><strong>wugan</strong></a>
        <span>{t('api')}</span>
        <input type="search" placeholder={t('filter')} aria-label={t('filter')} value={filter} onInput={(event) => { setFilter(event.currentTarget.value) }} />
        <a href="./openapi.yaml">openapi.yaml</a>
        <button type="button" onClick={() => { choose(lang.value === 'zh' ? 'en' : 'zh') }}>{t('language')}</button>
      </header>
      <div class="frame">
        <Menu spec={spec} filter={filter} />
        <main id="content" tabIndex={-1} ref={main}><View spec={spec} /></main>
      </div>
    </>
  )
}

function View({ spec }: { spec: Spec }) {
  if (route.value === 'errors') return <Errors spec={spec} />
  const operation = spec.operations.find(({ id }) => id === route.value)
  if (operation) return <OperationView key={operation.id} spec={spec} operation={operation} origin={origin} />
  const { info, tags } = spec.document
  return (
    <article>
      {route.value && <p class="failure">{t('unknown')}</p>}
      <h1>{info.title}{lang.value === 'zh' ? ' ' : ': '}{t('api')}</h1>
      <Prose text={info.description} />
      {tags.map((tag) => (
        <section>
          <h2>{said(tag.name)}</h2>
          <Prose text={tag.description} />
        </section>
      ))}
    </article>
  )
}

/** The words by which an operation is found, in both languages. */
function words(spec: Spec, operation: Operation): string {
  return [
    operation.method, operation.path, operation.id, operation.summary, said(operation.summary), said(operation.description), who(operation),
    ...operation.parameters.map(({ name }) => name), ...operation.responses.flatMap(([, response]) => spec.codes(response)),
  ].join(' ').toLowerCase()
}

function Menu({ spec, filter }: { spec: Spec; filter: string }) {
  const wanted = filter.toLowerCase().split(/\s+/).filter(Boolean)
  const shown = spec.operations.filter((operation) => {
    const all = wanted.length > 0 ? words(spec, operation) : ''
    return wanted.every((word) => all.includes(word))
  })
  const [narrow] = useState(() => matchMedia('(max-width: 60rem)').matches)
  return (
    <nav aria-label={t('nav.label')}>
      <ul>
        {(['introduction', 'errors'] as const).map((page) => {
          const target = page === 'errors' ? 'errors' : ''
          return <li><a href={'#' + target} aria-current={route.value === target ? 'page' : undefined}>{t(page)}</a></li>
        })}
      </ul>
      {spec.document.tags.map((tag) => {
        const inside = shown.filter((operation) => operation.tag === tag.name)
        return inside.length > 0 && (
          <details key={tag.name} open={wanted.length > 0 || !narrow}>
            <summary>{said(tag.name)}</summary>
            <ul>
              {inside.map(({ id, method, path, summary }) => (
                <li key={id}>
                  <a href={'#' + id} title={said(summary)} aria-current={route.value === id ? 'page' : undefined}>
                    <span class={`method ${method}`}>{method.toUpperCase()}</span>{path.replace('/api/v1', '')}
                  </a>
                </li>
              ))}
            </ul>
          </details>
        )
      })}
      {shown.length === 0 && <p class="none" role="status">{t('none')}</p>}
    </nav>
  )
}

async function load<T>(path: string): Promise<T> {
  const response = await fetch(path)
  if (!response.ok) throw new Error(`${path}: HTTP ${String(response.status)}`)
  return await response.json() as T
}

async function start(root: HTMLElement): Promise<void> {
  choose(lang.value)
  render(<p role="status">{t('loading')}</p>, root)
  try {
    const [document, pairs] = await Promise.all([load<Document>('./openapi.json'), load<{ en: string; zh: string }[]>('./docs.zh.json')])
    translate(pairs)
    render(<App spec={new Spec(document)} />, root)
  } catch (error) {
    render(<p role="alert">{t('failed', { error: error instanceof Error ? error.message : String(error) })} <a href="./openapi.yaml">openapi.yaml</a></p>, root)
  }
}

const root = document.getElementById('app')
if (root) void start(root)
