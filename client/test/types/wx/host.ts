/** Compiled only: WeChat's own typings fit the host. */
import { createClient } from '../../../src/index.wx'

const client = createClient({ host: wx, baseURL: 'https://api.example.com' })

interface Order {
  id: string
}

void client.get<Order[]>('/orders').then((answer) => (answer.ok ? answer.data[0]?.id : answer.statusCode))
client.uploadFile({ url: '/avatar', filePath: 'tmp/1', name: 'avatar' }).onProgressUpdate(({ progress }) => {
  console.log(progress)
})
// @ts-expect-error -- a client without a host cannot be
createClient({ baseURL: '' })
