/** Draws the phone: two tokens that run down, who is signed in, and what was noticed. */
import { byId, write } from './dom'
import type { Stage } from './stage'
import type { Text } from './text'

/** Brings the card up to date. */
export function drawPhone(stage: Stage, text: Text): void {
  const tokens = stage.tokens()
  const { state } = stage.phone.getSession()
  const card = byId('phone')
  card.dataset['state'] = state
  write(byId('state'), text.say(`state.${state}`))
  write(byId('name'), stage.name)
  drawBar('access', tokens && tokens.at + tokens.expiresIn * 1000, tokens?.expiresIn, tokens?.accessToken, text)
  drawBar('refresh', tokens && tokens.at + tokens.refreshExpiresIn * 1000, tokens?.refreshExpiresIn, tokens?.refreshToken, text)

  const { answered, refreshes, logins, noticed } = stage.totals
  write(byId('answered'), String(answered))
  write(byId('refreshes'), String(refreshes))
  write(byId('logins'), String(logins))
  write(byId('noticed'), noticed ? String(noticed) : text.say('noticedNothing'))
  byId('noticed').dataset['some'] = String(noticed > 0)
  const isOut = state === 'loggedOut' || state === 'anonymous'
  write(byId('log-in-or-out'), text.say(isOut ? 'login' : 'logout'))
}

function drawBar(id: string, end: number | undefined, life: number | undefined, token: string | undefined, text: Text): void {
  const bar = byId(id)
  const left = end === undefined || !life ? 0 : Math.max(0, end - Date.now())
  const share = life ? Math.min(1, left / (life * 1000)) : 0
  bar.dataset['level'] = token === undefined ? 'none' : share === 0 ? 'over' : share < 0.25 ? 'low' : 'good'
  const fill = bar.querySelector<HTMLElement>('.fill')
  if (fill) fill.style.transform = `scaleX(${share.toFixed(4)})`
  const says = token === undefined ? text.say('none') : left === 0 ? text.say('over') : lasting(left, text)
  write(bar.querySelector<HTMLElement>('.left')!, says)
  const meter = bar.querySelector<HTMLElement>('[role=meter]')!
  meter.setAttribute('aria-valuenow', String(Math.round(share * 100)))
  meter.setAttribute('aria-valuetext', says)

  // Only the end of the signature: enough to see that it is another token, and of no use to anybody.
  const tail = token === undefined ? '' : '…' + token.slice(-6)
  const shown = bar.querySelector<HTMLElement>('.tail')!
  if (shown.textContent !== tail) {
    shown.textContent = tail
    bar.classList.remove('fresh')
    void bar.offsetWidth // restarts the animation
    bar.classList.add('fresh')
  }
}

/** The two greatest units of a time. */
function lasting(milliseconds: number, text: Text): string {
  const seconds = Math.ceil(milliseconds / 1000)
  const units: [number, 'days' | 'hours' | 'minutes' | 'seconds'][] = [
    [Math.floor(seconds / 86400), 'days'],
    [Math.floor(seconds / 3600) % 24, 'hours'],
    [Math.floor(seconds / 60) % 60, 'minutes'],
    [seconds % 60, 'seconds'],
  ]
  const first = Math.max(0, units.findIndex(([n]) => n > 0))
  return units
    .slice(first, first + 2)
    .map(([n, unit]) => `${String(n)} ${text.say(unit)}`)
    .join(' ')
}
