import type { Spec } from './spec'
import { Inline } from './text'
import { said, t } from './words'

const FEW = 6

/** Every error code: its status, what it means, and who answers with it. */
export function Errors({ spec }: { spec: Spec }) {
  return (
    <article>
      <h1>{t('errors')}</h1>
      <p>{t('errors.text')}</p>
      <div class="wide">
        <table>
          <thead>
            <tr>{(['code', 'status', 'meaning', 'where'] as const).map((column) => <th scope="col">{t(`errors.${column}`)}</th>)}</tr>
          </thead>
          <tbody>
            {spec.errors().map(({ code, status, meaning, operations }) => (
              <tr id={`error-${code}`}>
                <th scope="row"><code>{code}</code></th>
                <td>{status}</td>
                <td><Inline text={said(meaning)} /></td>
                <td>
                  {operations.length > FEW
                    ? t('errors.all', { n: operations.length })
                    : operations.map((one) => <a href={'#' + one.id}>{one.method.toUpperCase()} {one.path.replace('/api/v1', '')}</a>)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </article>
  )
}
