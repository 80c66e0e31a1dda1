import { createSSRApp } from 'vue'
import App from './App.vue'
// Before the router reads the address: WeChat's page may just have led back with a code in it.
import './client'

export function createApp() {
  return { app: createSSRApp(App) }
}
