/** Every word on the page, in both languages. The keys of the two are held equal by the type. */
import type { SceneName } from './story'

export type Language = 'en' | 'zh'

const en = {
  title: 'wugan playground',
  tagline: 'Logged in without noticing. Break something, and watch the client repair it.',
  skip: 'Skip to the timeline',
  language: '中文',
  phone: 'This phone',
  noticed: 'Noticed by the user',
  noticedNothing: 'nothing',
  answered: 'Responses',
  renewals: 'Refreshes',
  silentLogins: 'Silent logins',
  access: 'Access token',
  accessNote: 'in every request',
  refresh: 'Refresh token',
  refreshNote: 'used once',
  none: 'none',
  over: 'expired',
  ending: 'ends with',
  days: 'd', hours: 'h', minutes: 'min', seconds: 's',
  short: '30-second tokens',
  shortNote: 'from the next one on',
  steady: 'A request every 2 seconds',
  steadyNote: 'stay logged in, and look',
  login: 'Log in',
  logout: 'Log out',
  try: 'Try it',
  timeline: 'What happens',
  empty: 'Nothing yet. Press a button.',
  running: 'under way',
  slow: 'Each call is slowed down to half a second, so that it can be seen. A token is made to expire by refreshing it into one that lives one second.',
  expiring: 'Waiting until the access token has expired …',
  notHere: 'This page needs JavaScript.',
  forDevelopment: 'wugan dev, not for production: whoever reaches this address can log in as anybody.',
  contract: 'HTTP contract',
  legend: 'Colours',
  legendOk: 'answered',
  legendRefused: '401',
  legendRefresh: 'refresh',
  legendLogin: 'login',
  legendWait: 'waits',
  legendLost: 'response lost',
  legendDown: '503',
  waits: 'waits',
  lostPill: 'lost',
  otherwise: 'It went otherwise than this page expected. The calls above are what happened.',
  broke: 'It could not be played to its end',
  'actor.phone': 'phone', 'actor.tablet': 'tablet', 'actor.thief': 'thief', 'actor.visitor': 'visitor', 'actor.alipay': 'Alipay', 'actor.wechat': 'WeChat',
  'kind.refresh': 'refresh', 'kind.login': 'login', 'kind.logout': 'logout', 'kind.request': 'request', 'kind.outage': 'down',
  'state.anonymous': 'nobody yet', 'state.authenticating': 'logging in', 'state.authenticated': 'logged in',
  'state.renewing': 'renewing', 'state.loggedOut': 'logged out', 'state.refused': 'not let in',
}

export type Key = keyof typeof en

const zh: Record<Key, string> = {
  title: 'wugan 无感 · 演练场',
  tagline: '登录无感。随手弄坏点什么，看客户端怎样悄悄补好。',
  skip: '跳到时间线',
  language: 'English',
  phone: '这台手机',
  noticed: '用户察觉到的',
  noticedNothing: '毫无察觉',
  answered: '响应',
  renewals: '刷新',
  silentLogins: '静默登录',
  access: '访问令牌',
  accessNote: '随每个请求发送',
  refresh: '刷新令牌',
  refreshNote: '用一次就换新',
  none: '无',
  over: '已过期',
  ending: '结尾是',
  days: '天', hours: '小时', minutes: '分', seconds: '秒',
  short: '30 秒令牌',
  shortNote: '从下一个开始',
  steady: '每 2 秒请求一次',
  steadyNote: '一直保持登录，看它刷新',
  login: '登录',
  logout: '退出登录',
  try: '试一试',
  timeline: '发生了什么',
  empty: '还没有动静，按一个按钮吧。',
  running: '进行中',
  slow: '每次调用都放慢到半秒，方便看清。要让令牌过期，就先刷新成一个有效期只有一秒的。',
  expiring: '等访问令牌过期……',
  notHere: '本页需要 JavaScript。',
  forDevelopment: 'wugan dev 不可用于生产：能访问这个地址的人可以用任何身份登录。',
  contract: 'HTTP 接口文档',
  legend: '图例',
  legendOk: '已响应',
  legendRefused: '401',
  legendRefresh: '刷新',
  legendLogin: '登录',
  legendWait: '等待',
  legendLost: '响应丢失',
  legendDown: '503',
  waits: '等待',
  lostPill: '丢失',
  otherwise: '结果和本页预想的不一样，实际发生的就是上面这些调用。',
  broke: '没能演到最后',
  'actor.phone': '手机', 'actor.tablet': '平板', 'actor.thief': '盗用者', 'actor.visitor': '新访客', 'actor.alipay': '支付宝', 'actor.wechat': '微信',
  'kind.refresh': '刷新', 'kind.login': '登录', 'kind.logout': '退出登录', 'kind.request': '请求', 'kind.outage': '故障',
  'state.anonymous': '尚未登录', 'state.authenticating': '登录中', 'state.authenticated': '已登录',
  'state.renewing': '刷新中', 'state.loggedOut': '已退出登录', 'state.refused': '登录被拒绝',
}

/** What a scene is called, what is being done, and what it shows when it went as told. */
interface SceneText {
  title: string
  lead: string
  told: string
}

const scenes: Record<Language, Record<SceneName, SceneText>> = {
  en: {
    opened: {
      title: 'The page opened',
      lead: 'One request, whatever is stored from last time.',
      told: 'Answered. Nobody had to call login first: a request without tokens logs in by itself, then goes out.',
    },
    one: { title: 'One request', lead: 'Who am I?', told: 'Answered.' },
    five: {
      title: 'Five requests at once',
      lead: 'The access token has expired, and the phone’s clock is slow: only a 401 can tell it.',
      told: 'The first 401 started one refresh, all others waited for it, and each request went out again. The caller saw five responses.',
    },
    lost: {
      title: 'A lost response',
      lead: 'The refresh reaches the server. Its response never reaches the phone.',
      told: 'The phone asked again with the same refresh token. The server recognised the rotation and repeated its response: a dead spot logs nobody out.',
    },
    stolen: {
      title: 'A stolen refresh token',
      lead: 'Somebody copied the refresh token, and uses it after the phone has gone on.',
      told: 'The copy gave itself away, so the server ended the session for both. The thief holds nothing; the phone logged in again by itself.',
    },
    wechat: {
      title: 'WeChat down',
      lead: 'WeChat refuses all connections. A token expires, and a new visitor comes along.',
      told: 'Users who were logged in noticed nothing, for a refresh needs no WeChat. The visitor was told 503, tried again after Retry-After, and got in once WeChat was back.',
    },
    everywhere: {
      title: 'Log out everywhere',
      lead: 'The same user is logged in on a tablet. The phone ends every session.',
      told: 'The tablet’s next request was refused at once, and so was its refresh: there, somebody has to log in. This phone stays logged out, until you log in.',
    },
    ends: {
      title: 'A second end',
      lead: 'The same person opens Alipay’s mini program and shares the phone number.',
      told: 'At first Alipay’s visitor was a user of their own. The verified number joined the two: both ends now have one user with two identities.',
    },
    login: { title: 'Log in', lead: 'The only way out of “logged out”.', told: 'Logged in, with a new session.' },
    logout: {
      title: 'Log out',
      lead: 'The tokens are forgotten here first, then the session ends on the server.',
      told: 'Logged out, and it stays so: no request logs in silently now.',
    },
    switched: { title: 'A new token', lead: 'A refresh, so that the next token has the life you chose.', told: 'The new access token has it.' },
    steady: {
      title: 'A request every 2 seconds',
      lead: 'With 30-second tokens, one in fifteen or so finds the token near its end.',
      told: 'The client refreshed the tokens along the way, and every request was answered.',
    },
    aside: { title: 'By itself', lead: 'The page came back into view, so the client looked after its tokens.', told: 'Done.' },
  },
  zh: {
    opened: {
      title: '打开页面',
      lead: '只发一个请求，不管上次留下了什么。',
      told: '已响应。不需要先调用登录：没有令牌的请求会自己登录，然后再发出去。',
    },
    one: { title: '发一个请求', lead: '我是谁？', told: '已响应。' },
    five: {
      title: '五个请求同时发出',
      lead: '访问令牌已经过期，而手机的时钟慢了：只有 401 能让它知道。',
      told: '第一个 401 触发了一次刷新，其余请求都等它完成，然后各自重发。调用方看到的是五个响应。',
    },
    lost: {
      title: '响应丢失',
      lead: '刷新请求到了服务端，响应却没能回到手机。',
      told: '手机用同一个刷新令牌又请求了一次，服务端认出这次轮换，给出同样的响应：信号不好不会让登录态失效。',
    },
    stolen: {
      title: '被盗的刷新令牌',
      lead: '有人复制了刷新令牌，在手机继续使用之后拿出来用。',
      told: '副本暴露了自己，服务端对双方结束了会话。盗用者什么也没得到，手机自己重新登录了。',
    },
    wechat: {
      title: '微信故障',
      lead: '微信拒绝一切连接。一个令牌过期了，又来了一位新访客。',
      told: '已登录的用户毫无察觉：刷新不需要微信。新访客收到 503，按 Retry-After 等待后重试，微信一恢复就进来了。',
    },
    everywhere: {
      title: '全部退出',
      lead: '同一个用户也登录在一台平板上。手机结束所有会话。',
      told: '平板的下一个请求立刻被拒绝，刷新也一样：那边要有人主动登录。这台手机会保持退出，直到你登录。',
    },
    ends: {
      title: '换一个端',
      lead: '同一个人打开支付宝小程序，并在那里授权手机号。',
      told: '起初支付宝那边是另一个用户。同一个已验证的手机号把两者合为一人：两端现在是同一个用户，有两个身份。',
    },
    login: { title: '登录', lead: '离开“已退出登录”的唯一办法。', told: '已登录，是一个新会话。' },
    logout: {
      title: '退出登录',
      lead: '先清除本机的令牌，再结束服务端的会话。',
      told: '已退出登录，并且保持退出：现在没有请求会静默登录。',
    },
    switched: { title: '换一个令牌', lead: '刷新一次，让下一个令牌用上你选的有效期。', told: '新的访问令牌就是这个有效期。' },
    steady: {
      title: '每 2 秒请求一次',
      lead: '用 30 秒令牌时，大约每十五个请求里有一个会碰上令牌即将过期。',
      told: '客户端顺便刷新了令牌，每个请求都得到了响应。',
    },
    aside: { title: '自动检查', lead: '页面回到前台，客户端检查了一下令牌。', told: '完成。' },
  },
}

/** What the facts of a scene are called, with their number put in. */
const counts: Record<Language, Record<'requests' | 'answers' | 'refused' | 'refreshes' | 'logins' | 'lost' | 'unavailable' | 'rejected', (n: number) => string>> = {
  en: {
    requests: (n) => `${n} ${n === 1 ? 'request' : 'requests'}`,
    refused: (n) => `${n} × 401`,
    unavailable: (n) => `${n} × 503`,
    lost: (n) => `${n} ${n === 1 ? 'response' : 'responses'} lost`,
    refreshes: (n) => `${n} ${n === 1 ? 'refresh' : 'refreshes'}`,
    logins: (n) => `${n} ${n === 1 ? 'login' : 'logins'}`,
    answers: (n) => `${n} ${n === 1 ? 'response' : 'responses'}`,
    rejected: (n) => `${n} rejected`,
  },
  zh: {
    requests: (n) => `${n} 个请求`,
    refused: (n) => `${n} × 401`,
    unavailable: (n) => `${n} × 503`,
    lost: (n) => `丢失 ${n} 个响应`,
    refreshes: (n) => `${n} 次刷新`,
    logins: (n) => `${n} 次登录`,
    answers: (n) => `${n} 个响应`,
    rejected: (n) => `${n} 个被拒`,
  },
}

/** The words of one language. */
export interface Text {
  language: Language
  say: (key: Key) => string
  scene: (name: SceneName) => SceneText
  count: (what: keyof (typeof counts)['en'], n: number) => string
}

export function textIn(language: Language): Text {
  const words = language === 'zh' ? zh : en
  return {
    language,
    say: (key) => words[key],
    scene: (name) => scenes[language][name],
    count: (what, n) => counts[language][what](n),
  }
}

/** What the browser's user reads: Chinese in any of its forms, or else English. */
export function preferred(languages: readonly string[]): Language {
  return /^zh\b/i.test(languages[0] ?? '') ? 'zh' : 'en'
}
