import { effect } from '@preact/signals'
import { render } from 'preact'
import './console.css'
import { App } from './app'
import { apply } from './i18n'
import { watchUse } from './session'

watchUse()
effect(apply)
const root = document.getElementById('app')
if (root) render(<App />, root)
