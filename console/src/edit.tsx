import { useState } from 'preact/hooks'
import { api, type Person } from './api'
import { AskDialog } from './dialog'
import { t } from './i18n'
import { forgetPeople } from './people'
import { notify } from './ui'

interface Edit {
  p: Person
  close: () => void
  changed: (next: Person | undefined, said: string, undo?: () => Promise<unknown>) => Promise<void>
}

export function EditRoles({ p, close, changed }: Edit) {
  const [text, setText] = useState(p.roles.join('\n'))
  const roles = text.split(/[\s,，、]+/).filter(Boolean)
  return (
    <AskDialog title={t('person.roles.edit')} text={t('do.roles.text')} confirm={t('do.save')} close={close}
      act={async (reason) => changed(await api.setRoles(p.id, roles, reason), t('do.roles.done'), () => api.setRoles(p.id, p.roles, t('do.undo.reason')))}>
      <label>{t('do.roles.field')}
        <textarea name="roles" rows={4} value={text} spellcheck={false} onInput={(event) => { setText(event.currentTarget.value) }} />
      </label>
    </AskDialog>
  )
}

/** The object that a text is; a string says what is wrong with it. */
function parse(text: string): Record<string, unknown> | string {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
    return t('do.metadata.bad', { why: '{…}' })
  } catch (error) {
    return t('do.metadata.bad', { why: error instanceof Error ? error.message : '' })
  }
}

export function EditMetadata({ p, close, changed }: Edit) {
  const [text, setText] = useState(JSON.stringify(p.metadata, null, 2))
  const check = () => {
    const parsed = parse(text)
    return typeof parsed === 'string' ? parsed : ''
  }
  return (
    <AskDialog title={t('person.metadata.edit')} text={t('do.metadata.text')} confirm={t('do.save')} close={close} check={check}
      act={async (reason) => changed(await api.setMetadata(p.id, parse(text), reason), t('do.metadata.done'), () => api.setMetadata(p.id, p.metadata, t('do.undo.reason')))}>
      <label>{t('do.metadata.field')}
        <textarea name="metadata" class="code" rows={8} value={text} spellcheck={false} onInput={(event) => { setText(event.currentTarget.value) }} />
      </label>
    </AskDialog>
  )
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

/** Makes another person one with this one. Both ids have been seen: one is open, the other is typed. */
export function MergePerson({ p, close, changed }: Edit) {
  const [from, setFrom] = useState('')
  const other = from.trim().toLowerCase()
  return (
    <AskDialog danger title={t('do.merge')} text={t('do.merge.text')} confirm={t('do.merge')} close={close}
      check={() => (UUID.test(other) && other !== p.id ? '' : t('do.merge.bad'))}
      act={async (reason) => {
        await api.merge(p.id, other, reason)
        await changed(undefined, t('do.merge.done'))
      }}>
      <label>{t('do.merge.from')}
        <input type="text" name="from" value={from} autocomplete="off" spellcheck={false} onInput={(event) => { setFrom(event.currentTarget.value) }} />
      </label>
    </AskDialog>
  )
}

export function DeletePerson({ p, close }: { p: Person; close: () => void }) {
  const [typed, setTyped] = useState('')
  return (
    <AskDialog danger title={t('do.delete')} text={t('do.delete.text')} confirm={t('do.delete')} close={close}
      check={() => (typed.trim() === p.id ? '' : t('do.delete.mismatch'))}
      act={async (reason) => {
        await api.remove(p.id, reason)
        forgetPeople()
        notify(t('do.delete.done'))
        location.hash = '#/'
      }}>
      <label>{t('do.delete.typed', { id: p.id })}
        <input type="text" name="typed" value={typed} autocomplete="off" spellcheck={false} onInput={(event) => { setTyped(event.currentTarget.value) }} />
      </label>
    </AskDialog>
  )
}
