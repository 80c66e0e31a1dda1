import { signal } from '@preact/signals'

const zh = {
  title: 'wugan HTTP 接口文档',
  api: 'HTTP 接口',
  skip: '跳到正文',
  language: 'English',
  filter: '按路径、文字或错误码筛选',
  'nav.label': '接口',
  introduction: '约定',
  errors: '错误码',
  'errors.text': '出错的响应都是 application/problem+json（RFC 9457），程序只按 status 和 code 判断。',
  'errors.code': '错误码',
  'errors.status': '状态码',
  'errors.meaning': '含义',
  'errors.where': '出现在',
  'errors.all': '{n} 个接口',
  none: '没有接口包含这些文字。',
  unknown: '没有这个接口。',
  loading: '正在加载 openapi.json……',
  failed: '接口文档加载失败：{error}。可直接查看',
  parameters: '参数',
  request: '请求体',
  'request.optional': '请求体（可省略）',
  responses: '响应',
  headers: '响应头：{names}',
  required: '必填',
  'in.path': '路径',
  'in.query': '查询',
  'in.header': '请求头',
  or: '或',
  'or.null': '{type} 或 null',
  'list.of': '{type} 数组',
  any: '任意类型',
  'limit.exactly': '{n} 个字符',
  'limit.between': '{least} 到 {most} 个字符',
  'limit.most': '最多 {n} 个字符',
  'limit.filled': '不能为空',
  'limit.from': '不小于 {n}',
  'limit.to': '不大于 {n}',
  'limit.items': '最多 {n} 项',
  'limit.default': '默认 {n}',
  'who.anyone': '无需凭证',
  'who.accessToken': '访问令牌',
  'who.gatewayKey': 'gateway 密钥',
  'who.serviceKey': 'service 密钥',
  'who.supportKey': 'support 密钥',
  'who.adminKey': 'admin 密钥',
  samples: '调用示例',
  'sample.curl': 'curl',
  'sample.client': '@wugan/client',
  'sample.node': 'Node',
  copy: '复制',
  copied: '已复制',
  try: '在线调试',
  'try.warning': '请求会真实发往 {origin}，会改动真实数据。',
  'try.credential': '{who}（只留在本页内存里，刷新即清除）',
  'try.client': '客户端（以 Basic 方式发送，两项都留空则不发送）',
  'try.client.id': '客户端 id',
  'try.client.secret': '密钥',
  'try.body': '请求体',
  'try.sure': '我确定要执行',
  'try.send': '发送',
  'try.sending': '正在发送……',
  'try.took': '{status}，用时 {ms} 毫秒',
  'try.empty': '（空响应体）',
  'try.failed': '请求没有发出或没有响应：{error}',
  'try.missing': '请先填写 {name}。',
}

export type Word = keyof typeof zh

const en: Record<Word, string> = {
  title: 'wugan: HTTP API',
  api: 'HTTP API',
  skip: 'Skip to content',
  language: '中文',
  filter: 'Filter by path, word or error code',
  'nav.label': 'Operations',
  introduction: 'Conventions',
  errors: 'Error codes',
  'errors.text': 'Every error is application/problem+json (RFC 9457). Programs decide by status and code alone.',
  'errors.code': 'Code',
  'errors.status': 'Status',
  'errors.meaning': 'Meaning',
  'errors.where': 'Returned by',
  'errors.all': '{n} operations',
  none: 'No operation has these words.',
  unknown: 'There is no such operation.',
  loading: 'Loading openapi.json …',
  failed: 'The document could not be loaded: {error}. Read it at',
  parameters: 'Parameters',
  request: 'Request body',
  'request.optional': 'Request body (optional)',
  responses: 'Responses',
  headers: 'Headers: {names}',
  required: 'required',
  'in.path': 'path',
  'in.query': 'query',
  'in.header': 'header',
  or: 'or',
  'or.null': '{type} or null',
  'list.of': 'array of {type}',
  any: 'any',
  'limit.exactly': '{n} characters',
  'limit.between': '{least} to {most} characters',
  'limit.most': 'at most {n} characters',
  'limit.filled': 'not empty',
  'limit.from': 'at least {n}',
  'limit.to': 'at most {n}',
  'limit.items': 'at most {n} items',
  'limit.default': 'default {n}',
  'who.anyone': 'no credentials',
  'who.accessToken': 'access token',
  'who.gatewayKey': 'gateway key',
  'who.serviceKey': 'service key',
  'who.supportKey': 'support key',
  'who.adminKey': 'admin key',
  samples: 'Samples',
  'sample.curl': 'curl',
  'sample.client': '@wugan/client',
  'sample.node': 'Node',
  copy: 'Copy',
  copied: 'Copied',
  try: 'Try it',
  'try.warning': 'The request is sent to {origin} and changes real data.',
  'try.credential': '{who} (kept in the memory of this page, gone when it is reloaded)',
  'try.client': 'Client (sent as Basic credentials, unless both fields are empty)',
  'try.client.id': 'Client id',
  'try.client.secret': 'Key',
  'try.body': 'Request body',
  'try.sure': 'I am sure',
  'try.send': 'Send',
  'try.sending': 'Sending …',
  'try.took': '{status} in {ms} ms',
  'try.empty': '(empty body)',
  'try.failed': 'The request was not sent, or there was no response: {error}',
  'try.missing': 'Fill in {name} first.',
}

export type Lang = 'zh' | 'en'

const KEPT = 'wugan.docs.lang'

function initial(): Lang {
  try {
    const kept = localStorage.getItem(KEPT)
    if (kept === 'zh' || kept === 'en') return kept
  } catch {
    // A browser that stores nothing shows the page all the same.
  }
  return 'zh'
}

export const lang = signal<Lang>(initial())

/** Chooses the language, and keeps the choice. */
export function choose(language: Lang): void {
  lang.value = language
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en'
  document.title = t('title')
  try {
    localStorage.setItem(KEPT, language)
  } catch {
    // As above.
  }
}

/** The sentence in the chosen language; {name} is replaced by a parameter. */
export function t(word: Word, params: Record<string, string | number> = {}): string {
  const sentence = lang.value === 'zh' ? zh[word] : en[word]
  return sentence.replace(/\{(\w+)\}/g, (_, name: string) => String(params[name] ?? ''))
}

const translations = new Map<string, string>()

// Line breaks in the document are where its lines were full.
const key = (text: string) => text.trim().split(/\s+/).join(' ')

/** Takes the document's texts in Chinese. */
export function translate(pairs: { en: string; zh: string }[]): void {
  for (const pair of pairs) translations.set(key(pair.en), pair.zh)
}

/** A text of the document in the chosen language; English where there is no Chinese. */
export function said(text: string | undefined): string {
  if (!text) return ''
  return (lang.value === 'zh' && translations.get(key(text))) || text
}
