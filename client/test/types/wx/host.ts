/** Compiled only: WeChat's own typings fit the host. */
import { createClient } from '../../../src/index.wx'

const client = createClient({ host: wx, baseURL: 'https://api.example.com' })

interface Order {
  id: string
}

void client.get<Order[]>('/orders').then(({ data }) => data[0]?.id)
client.uploadFile({ url: '/avatar', filePath: 'tmp/1', name: 'avatar' }).onProgressUpdate(({ progress }) => {
  console.log(progress)
})
// @ts-expect-error -- a client without a host cannot be
createClient({ baseURL: '' })
