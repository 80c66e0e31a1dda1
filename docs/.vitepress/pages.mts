/** The order of the pages, for readers: file, English name, Chinese name. A page that is missing here stops the build. */
type Page = [file: string, en: string, zh: string]

export const sections: { en: string; zh: string; pages: Page[] }[] = [
  {
    en: 'Start',
    zh: '开始',
    pages: [
      ['start', 'Ten minutes', '十分钟上手'],
      ['uniapp', 'uni-app', 'uni-app'],
      ['taro', 'Taro', 'Taro'],
      ['h5', 'Browsers and H5', 'H5 与浏览器'],
      ['recipes', 'luch-request, uni-ajax, alova', 'luch-request、uni-ajax、alova'],
      ['interceptors', 'Replacing interceptors', '替换手写的拦截器'],
    ],
  },
  {
    en: 'Protect your back end',
    zh: '保护你的后端',
    pages: [
      ['verify', 'Verify access tokens', '校验访问令牌'],
      ['verify-go', 'Go', 'Go'],
      ['verify-node', 'Node', 'Node'],
      ['verify-java', 'Java', 'Java'],
      ['verify-php', 'PHP', 'PHP'],
      ['verify-python', 'Python', 'Python'],
      ['gateways', 'Gateways', '网关'],
      ['gateway', 'The built-in gateway', '内置网关'],
    ],
  },
  {
    en: 'Users',
    zh: '用户',
    pages: [
      ['profile', 'Profile and phone number', '头像昵称与手机号'],
      ['payments', 'Payments and messages', '支付与订阅消息'],
      ['leaving', 'When a person leaves', '用户注销'],
      ['platforms', 'Other platforms', '其他平台'],
      ['migrate', 'Move an existing app', '迁移已有的小程序'],
    ],
  },
  {
    en: 'Operate',
    zh: '运维',
    pages: [
      ['operate-one', 'One machine', '单机部署'],
      ['operate-pods', 'Pods', '多实例部署'],
      ['operate', 'Daily operation', '日常运维'],
      ['metrics', 'Metrics and traces', '监控与追踪'],
      ['sizing', 'Capacity and sizing', '容量规划'],
    ],
  },
  {
    en: 'Support',
    zh: '客服',
    pages: [
      ['support', 'A user is logged out again and again', '用户登录态反复失效'],
      ['console', 'The console', '控制台'],
    ],
  },
  {
    en: 'How it works',
    zh: '原理',
    pages: [
      ['rotation', 'Refresh token rotation', '刷新令牌轮换'],
      ['rotation-cases', 'Rotation, case by case', '轮换：逐个场景'],
      ['keys', 'Signing keys', '签名密钥'],
      ['identity', 'Users and identities', '用户与身份'],
      ['architecture', 'Architecture', '架构'],
      ['performance', 'Performance', '性能'],
    ],
  },
  {
    en: 'Reference',
    zh: '参考',
    pages: [
      ['settings', 'Settings', '配置项'],
      ['apps', 'The file of apps', '应用配置文件'],
      ['errors', 'Errors', '错误码'],
      ['http', 'The HTTP API', 'HTTP 接口'],
      ['client', 'Client: what it does when', '客户端：何时做什么'],
      ['client-calls', 'Client: calls, options, errors', '客户端：调用、选项、错误'],
      ['client-parts', 'Client: further parts', '客户端：其他模块'],
      ['commands', 'The command line', '命令行'],
      ['events', 'Events and webhooks', '事件与 Webhook'],
      ['fakewechat', 'Mock server of WeChat', '微信模拟服务'],
      ['glossary', 'Glossary', '术语表'],
    ],
  },
  {
    en: 'Choose',
    zh: '选型',
    pages: [
      ['compare', 'Compared with', '与其他方案对比'],
      ['faq', 'Questions', '常见问题'],
    ],
  },
]
