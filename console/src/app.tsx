import { signal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { reachable } from './api'
import { lang, t, theme, type Theme } from './i18n'
import { Login } from './login'
import { People } from './people'
import { PersonPage } from './person'
import { Service } from './service'
import { leave, session } from './session'
import { Notices } from './ui'

const route = signal(location.hash.slice(1) || '/')
addEventListener('hashchange', () => {
  route.value = location.hash.slice(1) || '/'
  document.getElementById('main')?.focus()
  scrollTo(0, 0)
})
const online = signal(navigator.onLine)
addEventListener('online', () => { online.value = true })
addEventListener('offline', () => { online.value = false })

const themes: Theme[] = ['auto', 'light', 'dark']

function Header() {
  const who = session.value
  const current = (path: string) => (route.value.startsWith(path) ? { 'aria-current': 'page' as const } : {})
  return (
    <header class="top container">
      <a class="brand" href="#/"><img src="./icon.svg" alt="" width="28" height="28" /> wugan {t('console')}</a>
      {who && (
        <nav aria-label={t('nav.label')}>
          <a href="#/" {...(route.value === '/' || route.value.startsWith('/person') ? { 'aria-current': 'page' as const } : {})}>{t('nav.people')}</a>
          <a href="#/service" {...current('/service')}>{t('nav.service')}</a>
        </nav>
      )}
      <div class="tools">
        {who && <span class="who">{t('key.is', { name: who.name, scope: t(`scope.${who.scope}`) })}</span>}
        <button type="button" class="small outline secondary" onClick={() => {
          theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length] ?? 'auto'
        }}>{t('nav.theme', { theme: t(`theme.${theme.value}`) })}</button>
        <button type="button" class="small outline secondary" lang={lang.value === 'zh' ? 'en' : 'zh-CN'} onClick={() => {
          lang.value = lang.value === 'zh' ? 'en' : 'zh'
        }}>{t('nav.language')}</button>
        {who && <button type="button" class="small secondary" onClick={() => { leave('') }}>{t('nav.leave')}</button>}
      </div>
    </header>
  )
}

function Page() {
  const person = /^\/person\/([^/]+)$/.exec(route.value)
  if (person?.[1]) return <PersonPage key={person[1]} id={decodeURIComponent(person[1])} />
  return route.value.startsWith('/service') ? <Service /> : <People />
}

export function App() {
  const inside = session.value !== null
  useEffect(() => {
    if (inside) document.getElementById('main')?.focus()
  }, [inside])
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus() }}>{t('skip')}</a>
      <Header />
      {!online.value
        ? <p class="banner" role="alert">{t('offline')}</p>
        : inside && !reachable.value && <p class="banner" role="alert">{t('unreachable')}</p>}
      <main id="main" class="container" tabIndex={-1}>{inside ? <Page /> : <Login />}</main>
      <Notices />
    </>
  )
}
