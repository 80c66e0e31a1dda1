import { Content, Examples, Row } from './schema'
import { samples } from './samples'
import type { Operation, Response, Spec } from './spec'
import { Code, Inline, Prose } from './text'
import { TryIt } from './tryit'
import { said, t, type Word } from './words'

/** Who may call: the credentials of which one is enough. */
export function who(operation: Operation): string {
  const names = operation.schemes.map((scheme) => t(`who.${scheme}` as Word))
  if (operation.open) names.push(t('who.anyone'))
  return names.join(` ${t('or')} `)
}

/** Everything about one operation. */
export function OperationView({ spec, operation, origin }: { spec: Spec; operation: Operation; origin: string }) {
  const { method, path, parameters, body, responses } = operation
  return (
    <article id={operation.id}>
      <h1><span class={`method ${method}`}>{method.toUpperCase()}</span> <span class="path">{path}</span></h1>
      <p class="summary">{said(operation.summary)} <span class="who">{who(operation)}</span></p>
      {operation.description && <Prose text={operation.description} />}
      {parameters.length > 0 && (
        <section>
          <h2>{t('parameters')}</h2>
          <dl>{parameters.map((p) => <Row spec={spec} name={p.name} schema={p.schema} required={p.required} description={p.description} place={t(`in.${p.in}`)} />)}</dl>
        </section>
      )}
      {body && (
        <section>
          <h2>{t(body.required ? 'request' : 'request.optional')}</h2>
          {body.description && <Prose text={body.description} />}
          <Content spec={spec} bodies={body.content} />
        </section>
      )}
      <section>
        <h2>{t('responses')}</h2>
        {responses.map(([status, response]) => <ResponseView spec={spec} status={status} response={response} />)}
      </section>
      <section>
        <h2>{t('samples')}</h2>
        {samples(operation, origin).map(({ kind, text }) => <Code text={text} label={t(`sample.${kind}`)} />)}
      </section>
      <section>
        <h2>{t('try')}</h2>
        <TryIt operation={operation} origin={origin} />
      </section>
    </article>
  )
}

// Codes are what a program decides by, so they show without opening anything.
function ResponseView({ spec, status, response }: { spec: Spec; status: string; response: Response }) {
  const codes = spec.codes(response)
  const description = said(response.description).trim()
  const [first = ''] = description.split('\n')
  const headers = Object.entries(response.headers ?? {}).map(([name, header]) => [name, spec.at(header)] as const)
  const problem = response.content?.['application/problem+json']
  return (
    <details open={status.startsWith('2')}>
      <summary>
        <span class={`status s${status[0] ?? ''}`}>{status}</span>
        {codes.length > 0 ? codes.map((code) => <code class="code">{code}</code>) : <span class="short"><Inline text={first} /></span>}
      </summary>
      {(codes.length > 0 || description.includes('\n')) && <Prose text={response.description} />}
      {headers.length > 0 && (
        <details class="headers">
          <summary>{t('headers', { names: headers.map(([name]) => name).join(', ') })}</summary>
          <dl>{headers.map(([name, header]) => <Row spec={spec} name={name} schema={header.schema} required={header.required} description={header.description} />)}</dl>
        </details>
      )}
      {problem ? <Examples media={problem} /> : response.content && <Content spec={spec} bodies={response.content} />}
    </details>
  )
}
