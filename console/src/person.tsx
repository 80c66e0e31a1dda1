import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { api, type Person, Problem } from './api'
import { DeletePerson, EditMetadata, EditRoles, MergePerson } from './edit'
import { AskDialog } from './dialog'
import { Events } from './events'
import { number, Text, Time } from './format'
import { named, t } from './i18n'
import { forgetPeople } from './people'
import { session } from './session'
import { Sessions } from './sessions'
import { Copy, Empty, Failure, notify, Shown, useResource } from './ui'

type Open = '' | 'disable' | 'enable' | 'signOut' | 'roles' | 'metadata' | 'merge' | 'delete'

export function PersonPage({ id }: { id: string }) {
  const person = useResource(() => api.person(id), [id])
  const [round, setRound] = useState(0)
  const refresh = async () => {
    setRound((n) => n + 1)
    await person.reload()
  }
  const gone = person.error instanceof Problem && person.error.status === 404
  return (
    <>
      <p class="crumbs">
        <a href="#/">← {t('person.back')}</a>
        <button type="button" class="small outline secondary" aria-busy={person.loading} onClick={() => void refresh()}>{t('person.refresh')}</button>
      </p>
      {gone
        ? <><h1>{t('person.id')} <code>{id}</code></h1><p class="state">{t('person.gone')}</p></>
        : <Shown of={person}>{(p) => <Known p={p} round={round} set={person.set} refresh={refresh} />}</Shown>}
      {(gone || person.data) && <Events id={id} round={round} />}
    </>
  )
}

interface Shows { p: Person; round: number; set: (p: Person) => void; refresh: () => Promise<void> }

function Known({ p, round, set, refresh }: Shows) {
  const [open, setOpen] = useState<Open>('')
  const admin = session.value?.scope === 'admin'
  const close = () => { setOpen('') }
  const changed = async (next: Person | undefined, said: string, undo?: () => Promise<unknown>) => {
    if (next) set(next)
    forgetPeople()
    notify(said, undo && (async () => { await undo(); await refresh() }))
    await refresh()
  }
  const disable = async (reason: string) =>
    changed(await api.disable(p.id, reason), t('do.disable.done'), () => api.enable(p.id, t('do.undo.reason')))
  const button = (what: Open, label: string, look = 'outline') =>
    <button type="button" class={look} onClick={() => { setOpen(what) }}>{label}</button>
  return (
    <>
      <h1>{p.nickname ? <Text>{p.nickname}</Text> : t('people.noname')}</h1>
      <dl class="facts">
        <Fact name={t('person.status')}>
          {p.disabledAt
            ? <><mark class="bad">{t('people.disabled')}</mark> <small><Time at={p.disabledAt} /> · {t('event.reason', { reason: '' })}<Text>{p.disabledReason}</Text></small></>
            : <mark class="good">{t('people.active')}</mark>}
        </Fact>
        <Fact name={t('person.id')}><code>{p.id}</code> <Copy text={p.id} of={t('person.id')} /></Fact>
        <Fact name={t('person.phone')}><Phone p={p} /></Fact>
        <Fact name={t('people.created')}><Time at={p.createdAt} /></Fact>
        <Fact name={t('people.lastLogin')}><Time at={p.lastLoginAt} /></Fact>
        {p.avatarUrl && <Fact name={t('person.avatar')}><span class="long"><Text>{p.avatarUrl}</Text></span></Fact>}
        <Fact name={t('person.roles')}>
          {p.roles.length ? p.roles.map((role) => <code key={role} class="tag">{role}</code>) : t('none')}
        </Fact>
      </dl>
      <details class="metadata">
        <summary>{t('person.metadata')} ({number(Object.keys(p.metadata).length)})</summary>
        <pre>{JSON.stringify(p.metadata, null, 2)}</pre>
      </details>
      <section aria-label={t('person.actions')} class="actions">
        {button('signOut', t('do.signOut'))}
        {p.disabledAt ? button('enable', t('do.enable')) : button('disable', t('do.disable'), 'outline danger')}
        {admin && button('roles', t('person.roles.edit'))}
        {admin && button('metadata', t('person.metadata.edit'))}
        {admin && button('merge', t('do.merge'), 'outline danger')}
        {admin && button('delete', t('do.delete'), 'outline danger')}
      </section>
      <Identities p={p} />
      <Sessions id={p.id} round={round} changed={() => changed(undefined, t('do.endSession.done'))} />
      {open === 'disable' && <AskDialog danger title={t('do.disable')} text={t('do.disable.text')} confirm={t('do.disable')} close={close} act={disable} />}
      {open === 'enable' && <AskDialog title={t('do.enable')} text={t('do.enable.text')} confirm={t('do.enable')} close={close}
        act={async (reason) => changed(await api.enable(p.id, reason), t('do.enable.done'))} />}
      {open === 'signOut' && <AskDialog danger title={t('do.signOut')} text={t('do.signOut.text')} confirm={t('do.signOut')} close={close}
        act={async (reason) => { await api.signOut(p.id, reason); await changed(undefined, t('do.signOut.done')) }} />}
      {open === 'roles' && <EditRoles p={p} close={close} changed={changed} />}
      {open === 'metadata' && <EditMetadata p={p} close={close} changed={changed} />}
      {open === 'merge' && <MergePerson p={p} close={close} changed={changed} />}
      {open === 'delete' && <DeletePerson p={p} close={close} />}
    </>
  )
}

export function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return <div><dt>{name}</dt><dd>{children}</dd></div>
}

/** The number is masked until it is asked for, which the service records. */
function Phone({ p }: { p: Person }) {
  const [clear, setClear] = useState('')
  const [error, setError] = useState<unknown>()
  if (!p.phone) return <>{t('none')}</>
  if (clear) return <span class="clear">{clear}</span>
  return (
    <>
      {p.phone}{' '}
      <button type="button" class="small outline secondary" onClick={() => {
        setError(undefined)
        api.phone(p.id).then((answer) => { setClear(answer.phone || t('unknown')) }, setError)
      }}>{t('person.reveal')}</button> <small>{t('person.reveal.help')}</small>
      {error !== undefined && <Failure error={error} />}
    </>
  )
}

function Identities({ p }: { p: Person }) {
  return (
    <section aria-labelledby="identities">
      <div class="heading"><h2 id="identities">{t('person.identities')}</h2><p class="count">{t('total.identities', { n: number(p.identities.length) })}</p></div>
      {p.identities.length === 0 && <Empty>{t('person.identities.empty')}</Empty>}
      <ul class="rows">
        {p.identities.map((i) => (
          <li key={i.appId + i.openid}>
            <dl class="facts inline">
              <Fact name={t('person.provider')}>{named('provider', i.provider)}</Fact>
              <Fact name={t('person.app')}><code>{i.appId}</code></Fact>
              <Fact name="openid"><code class="long">{i.openid}</code></Fact>
              <Fact name="unionid">{i.unionid ? <code class="long">{i.unionid}</code> : t('none')}</Fact>
              <Fact name={t('person.linked')}><Time at={i.createdAt} /></Fact>
            </dl>
          </li>
        ))}
      </ul>
    </section>
  )
}
