import { Button, Text, View } from '@tarojs/components'
import { useLoad, useUnload } from '@tarojs/taro'
import { useSession } from '@wugan/client/react'
import { useRef, useState } from 'react'
import { advise, client, expireToken, listen, shop } from '../../client'
import './index.css'

const STATES = { anonymous: '未登录', authenticating: '登录中', authenticated: '已登录', renewing: '续期中', loggedOut: '已退出', refused: '登录被拒绝' }
const LIVE = { connecting: '连接中', open: '已连接', waiting: '等待重连', loggedOut: '请先登录', closed: '未连接' }
/** What to tell a person about each way in which a request can end without an answer. */
const SAY = { AuthError: '请先登录', NetworkError: '网络不稳定，请稍后再试' }

const yuan = (fen) => '¥' + (fen / 100).toFixed(2)

export default function Index() {
  // What the service says of the user arrives with the answers of /users/me.
  const { state, user } = useSession(client)
  const [orders, setOrders] = useState([])
  const [answers, setAnswers] = useState('')
  const [advice, setAdvice] = useState('')
  const [live, setLive] = useState('closed')
  const [notice, setNotice] = useState('')
  const [message, setMessage] = useState('')
  const socket = useRef()

  /** What a tap does: every way it can fail is told to the person. */
  const act = (action) => () => {
    setMessage('')
    return action().catch((error) => setMessage(SAY[error.name] || error.message))
  }

  // Two requests at once without a session: one login, two answers.
  const load = () =>
    Promise.all([client.get('/api/v1/users/me'), shop('/orders')]).then(([, list]) => setOrders(list.data.orders))

  // Five requests at once, whatever state the tokens are in.
  const five = act(() => {
    setAnswers('')
    const asked = [1, 2, 3, 4, 5].map((id) => shop('/orders/' + id))
    return Promise.all(asked.map((one, n) => one.then(({ statusCode, data }) => `${data.id}:${statusCode}`, (error) => `${n + 1}:${error.name}`)))
      .then((all) => setAnswers(all.join(' ')))
      .then(() => Promise.all(asked))
  })

  // Asked for and shown piece by piece, through a renewal.
  const ask = act(() => {
    setAdvice('')
    return advise('泡茶', (piece) => setAdvice((shown) => shown + piece))
  })

  // One connection, however often the token is renewed.
  const toggle = () => {
    if (socket.current) {
      socket.current.close()
      socket.current = undefined
      return
    }
    socket.current = listen()
    setLive(socket.current.state())
    socket.current.onState(setLive)
    socket.current.onMessage((text) => {
      if (text === 'pong') return
      const { type, order } = JSON.parse(text)
      setNotice(order ? `${order.title}：${order.state}` : type)
    })
  }

  const expire = act(expireToken)
  const everywhere = act(() => client.post('/api/v1/auth/logout-all'))
  const login = act(() => client.login().then(load))
  const logout = act(() => client.logout().then(() => {
    setOrders([])
    setAnswers('')
  }))

  useLoad(act(load))
  useUnload(() => socket.current?.close())

  const name = user ? user.nickname || '用户 ' + user.id.slice(-6) : '未登录'
  return (
    <View className="page">
      <View className="card head">
        <Text id="user" className="title">{name}</Text>
        <Text id="state" className="pill">{STATES[state]}</Text>
      </View>
      {message && <View id="message" className="card message">{message}</View>}
      <View className="card">
        <Text className="title">我的订单</Text>
        {orders.map((order) => (
          <View key={order.id} className="order">
            <Text>{order.title}</Text>
            <Text>{yuan(order.amount)}</Text>
          </View>
        ))}
        <View className="small">应答：<Text id="answers">{answers}</Text></View>
        <Button id="five" className="main" onClick={five}>五单同时刷新</Button>
      </View>
      <View className="card">
        <Text className="title">茶师与动态</Text>
        <View className="small">动态：<Text id="live">{LIVE[live]}</Text></View>
        <View className="small">最新：<Text id="notice">{notice}</Text></View>
        <Button id="listen" className="plain" onClick={toggle}>{live === 'closed' ? '接收动态' : '停止接收'}</Button>
        <View className="small">茶师：<Text id="advice">{advice}</Text></View>
        <Button id="ask" className="plain" onClick={ask}>问茶师怎么泡茶</Button>
      </View>
      <View className="card">
        <Text className="title">捣乱一下</Text>
        <Button id="expire" className="plain" onClick={expire}>让令牌过期</Button>
        <Button id="everywhere" className="plain" onClick={everywhere}>两个令牌都作废</Button>
      </View>
      {state === 'loggedOut'
        ? <Button id="login" className="main" onClick={login}>登录</Button>
        : <Button id="logout" className="leave" onClick={logout}>退出登录</Button>}
    </View>
  )
}
