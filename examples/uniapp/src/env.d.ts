/// <reference types="vite/client" />

declare module '*.vue' {
  import type { DefineComponent } from 'vue'

  const component: DefineComponent<object, object, unknown>
  export default component
}

/** The platforms' own objects, where a build for them runs. */
declare const my: import('@wugan/client/alipay').Alipay
declare const swan: import('@wugan/client/baidu').Baidu
declare const tt: import('@wugan/client/douyin').Douyin
