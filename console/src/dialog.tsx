import { useEffect, useId, useRef, useState } from 'preact/hooks'
import type { ComponentChildren } from 'preact'
import { t } from './i18n'
import { Failure } from './ui'

interface Ask {
  title: string
  text: string
  confirm: string
  danger?: boolean
  /** Further fields, above the reason. */
  children?: ComponentChildren
  /** What is wrong with the further fields; '' when nothing is. */
  check?: () => string
  act: (reason: string) => Promise<void>
  close: () => void
}

/** The second step of every change: what it does, and why it is done. */
export function AskDialog({ title, text, confirm, danger, children, check, act, close }: Ask) {
  const dialog = useRef<HTMLDialogElement>(null)
  const id = useId()
  const [reason, setReason] = useState('')
  const [wrong, setWrong] = useState('')
  const [error, setError] = useState<unknown>()
  const [busy, setBusy] = useState(false)
  useEffect(() => {
    dialog.current?.showModal()
  }, [])
  const submit = async (event: Event) => {
    event.preventDefault()
    const problem = check?.() || (reason.trim() ? '' : t('do.reason.missing'))
    setWrong(problem)
    setError(undefined)
    if (problem || busy) return
    setBusy(true)
    try {
      await act(reason.trim())
      dialog.current?.close()
    } catch (problem) {
      setError(problem)
      setBusy(false)
    }
  }
  return (
    <dialog ref={dialog} aria-labelledby={id + 't'} aria-describedby={id + 'd'} onClose={close}>
      <article>
        <form onSubmit={(event) => void submit(event)} noValidate>
          <h2 id={id + 't'}>{title}</h2>
          <p id={id + 'd'}>{text}</p>
          {children}
          <label>
            {t('do.reason')}
            <input type="text" name="reason" value={reason} maxLength={500} autocomplete="off" aria-describedby={id + 'h'}
              onInput={(event) => { setReason(event.currentTarget.value) }} />
          </label>
          <small id={id + 'h'} class="help">{t('do.reason.help')}</small>
          {wrong && <p class="wrong" role="alert">{wrong}</p>}
          {error !== undefined && <Failure error={error} />}
          <footer>
            <button type="button" class="secondary outline" onClick={() => dialog.current?.close()}>{t('cancel')}</button>
            <button type="submit" class={danger ? 'danger' : ''} aria-busy={busy} disabled={busy}>{confirm}</button>
          </footer>
        </form>
      </article>
    </dialog>
  )
}
