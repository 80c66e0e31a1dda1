import ajax from 'uni-ajax'
import { client } from './client'

const { adapter } = ajax.defaults

export const http = ajax.create({
  baseURL: 'https://api.example.com',
  async adapter(config) {
    const send = (token) =>
      adapter({ ...config, validateStatus: null, header: { ...config.header, Authorization: 'Bearer ' + token } })
    const token = await client.getAccessToken()
    let response = await send(token)
    if (response.statusCode === 401) response = await send(await client.refresh(token))
    if (config.validateStatus && !config.validateStatus(response.statusCode)) throw response
    return response
  },
})
