import Request from 'luch-request'
import { client } from './client'

// Version 4: import { createLuchRequest } from 'luch-request', and createLuchRequest({ … }).
const luch = new Request({ baseURL: 'https://api.example.com' })

/** Around `request` rather than in interceptors, which the two versions call with different things. */
const send = async (config) => {
  const ask = (token) => luch.request({ ...config, header: { ...config.header, Authorization: 'Bearer ' + token } })
  const token = await client.getAccessToken()
  try {
    return await ask(token)
  } catch (error) {
    // Version 3 throws the response, version 4 an error that has it.
    const { statusCode } = error.response || error
    if (statusCode !== 401) throw error
    return ask(await client.refresh(token))
  }
}

export const http = {
  request: send,
  get: (url, config) => send({ ...config, url, method: 'GET' }),
  post: (url, data, config) => send({ ...config, url, data, method: 'POST' }),
}
