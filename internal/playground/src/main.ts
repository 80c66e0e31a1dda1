/** The page: buttons and switches on one side, the stage on the other, and the pictures between them. */
import { byId, write } from './dom'
import { drawPhone } from './phone'
import { plays } from './plays'
import { createStage, sleep } from './stage'
import { factsOf } from './story'
import type { SceneName } from './story'
import { preferred, textIn } from './text'
import type { Key, Language } from './text'
import { createTimeline, factsText, STRIP, toldText } from './timeline'

const LANGUAGE_KEY = 'wugan-playground-language'
/** Milliseconds between two requests of steady traffic. */
const STEADY = 2000

type Played = keyof typeof plays

const narrow = matchMedia('(max-width: 38rem)')
const calm = matchMedia('(prefers-reduced-motion: reduce)')
let text = textIn((localStorage.getItem(LANGUAGE_KEY) as Language | null) ?? preferred(navigator.languages))
let busy = false
let steady = false
/** The strip of steady traffic under way. */
let strip: Promise<void> | undefined
let due = true

const stage = createStage(() => { due = true })
const timeline = createTimeline(byId('scenes'), stage.scenes, text)

function translate(language: Language): void {
  text = textIn(language)
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.title = text.say('title')
  document.querySelectorAll<HTMLElement>('[data-say]').forEach((element) => {
    write(element, text.say(element.dataset['say'] as Key))
  })
  document.querySelectorAll<HTMLElement>('button[data-play]').forEach((button) => {
    const { title, lead } = text.scene(button.dataset['play'] as SceneName)
    write(button.querySelector<HTMLElement>('.title')!, title)
    const note = button.querySelector<HTMLElement>('.note')
    if (note) write(note, lead)
  })
  byId('language').lang = language === 'zh' ? 'en' : 'zh-CN'
  byId('said').replaceChildren() // a screen reader has a voice for one language
  timeline.translate(text)
  due = true
}

/** Says something to those who listen instead of looking. */
function announce(...sentences: string[]): void {
  byId('said').append(Object.assign(document.createElement('p'), { textContent: sentences.filter(Boolean).join(' ') }))
  while (byId('said').childElementCount > 20) byId('said').firstElementChild?.remove()
}

/** Buttons keep the focus while a scene is played, so they are not disabled but say that they would do nothing. */
function setBusy(now: boolean): void {
  busy = now
  document.body.dataset['busy'] = String(now)
  document.querySelectorAll('button[data-play], #log-in-or-out').forEach((button) => {
    button.setAttribute('aria-disabled', String(now))
  })
}

async function play(name: Played): Promise<void> {
  if (busy) return
  setBusy(true)
  const { title } = text.scene(name)
  announce(title + '.', text.say('running') + '.')
  try {
    await strip // its last request is answered first, so that no scene meddles with another
    const playing = stage.play(name, () => plays[name](stage))
    due = true
    timeline.draw()
    if (name !== 'opened') {
      // On a narrow screen the picture is below the buttons, and grows out of sight: it is brought to the top.
      byId('scenes').firstElementChild?.scrollIntoView({ block: narrow.matches ? 'start' : 'nearest', behavior: calm.matches ? 'auto' : 'smooth' })
    }
    await playing
  } catch (error) {
    announce(text.say('broke') + ':', error instanceof Error ? error.message : '')
  }
  const scene = stage.scenes.find((one) => one.name === name)
  if (scene) announce(title + ':', factsText(scene, text) + '.', toldText(scene, text))
  due = true
  setBusy(false)
}

/** Requests one after another, in strips, whenever no other scene is played. */
async function keepAsking(): Promise<void> {
  while (steady) {
    if (busy || document.hidden || stage.phone.getSession().state === 'loggedOut') {
      await sleep(200)
      continue
    }
    strip = stage.play('steady', async () => {
      const until = performance.now() + STRIP - STEADY
      while (steady && !busy && !document.hidden && performance.now() < until) {
        const next = performance.now() + STEADY
        await stage.ask('phone', stage.phone, 'GET', '/users/me', { id: 'steady' })
        while (steady && !busy && performance.now() < next) await sleep(50)
      }
      const { requests, answers, refreshes } = factsOf(stage.current()!)
      return refreshes > 0 ? answers === requests : undefined
    })
    await strip
  }
}

document.querySelectorAll<HTMLElement>('button[data-play]').forEach((button) => {
  button.addEventListener('click', () => void play(button.dataset['play'] as Played))
})
byId('log-in-or-out').addEventListener('click', () => {
  const { state } = stage.phone.getSession()
  void play(state === 'loggedOut' || state === 'anonymous' ? 'login' : 'logout')
})
byId('language').addEventListener('click', () => {
  const other: Language = text.language === 'zh' ? 'en' : 'zh'
  localStorage.setItem(LANGUAGE_KEY, other)
  translate(other)
})
byId<HTMLInputElement>('short').addEventListener('change', (event) => {
  stage.wire.life = (event.target as HTMLInputElement).checked ? '30s' : ''
  if (stage.tokens()) void play('switched')
})
byId<HTMLInputElement>('steady').addEventListener('change', (event) => {
  const was = steady
  steady = (event.target as HTMLInputElement).checked
  if (steady && !was) void keepAsking()
})

/** Draws when something happened, and while time passes: smoothly, or in steps for those who want less motion. */
let last = 0
function tick(now: number): void {
  const isMoving = stage.current() !== undefined
  if (due || now - last > (isMoving ? (calm.matches ? 500 : 0) : 250)) {
    last = now
    due = false
    timeline.draw()
    drawPhone(stage, text)
  }
  requestAnimationFrame(tick)
}

translate(text.language)
requestAnimationFrame(tick)
document.body.dataset['ready'] = 'true'
// Who logged out stays logged out, and is not asked to notice it.
if (stage.phone.getSession().state !== 'loggedOut') void play('opened')
