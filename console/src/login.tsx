import { useId, useState } from 'preact/hooks'
import { api, Problem } from './api'
import { t } from './i18n'
import { enter, farewell } from './session'
import { clearNotices, told } from './ui'

function refusal(error: unknown): string {
  if (error instanceof Problem) {
    if (error.status === 401) return t('login.wrong')
    if (error.status === 403) return t('login.forbidden')
    if (error.status === 404) return t('login.absent')
  }
  return told(error)
}

export function Login() {
  const [key, setKey] = useState('')
  const [actor, setActor] = useState('')
  const [wrong, setWrong] = useState('')
  const [busy, setBusy] = useState(false)
  const id = useId()
  const submit = async (event: Event) => {
    event.preventDefault()
    if (busy) return
    const text = key.trim()
    if (!/^[!-~]+$/.test(text)) {
      setWrong(t(text ? 'login.badform' : 'login.wrong'))
      return
    }
    setBusy(true)
    setWrong('')
    try {
      const found = await api.key(text)
      clearNotices()
      enter({ key: text, actor: actor.trim(), ...found })
    } catch (error) {
      setWrong(refusal(error))
      setBusy(false)
    }
  }
  return (
    <article class="login">
      <h1>{t('login.title')}</h1>
      {farewell.value && !wrong && <p role="status">{t(farewell.value === 'idle' ? 'login.idle' : 'login.refused')}</p>}
      <form onSubmit={(event) => void submit(event)} noValidate>
        <label>
          {t('login.key')}
          <input type="password" name="key" value={key} autocomplete="off" spellcheck={false} aria-describedby={id + 'k'}
            {...(wrong ? { 'aria-invalid': true, 'aria-errormessage': id + 'e' } : {})} onInput={(event) => { setKey(event.currentTarget.value) }} />
        </label>
        <small id={id + 'k'} class="help">{t('login.key.help')}</small>
        <label>
          {t('login.actor')}
          <input type="text" name="actor" value={actor} maxLength={128} autocomplete="off" aria-describedby={id + 'a'}
            onInput={(event) => { setActor(event.currentTarget.value) }} />
        </label>
        <small id={id + 'a'} class="help">{t('login.actor.help')}</small>
        <p id={id + 'e'} class="wrong" role="alert">{wrong}</p>
        <button type="submit" aria-busy={busy} disabled={busy}>{t('login.enter')}</button>
      </form>
    </article>
  )
}
