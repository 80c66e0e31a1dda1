import Request from 'luch-request'
import { client } from './client'

export const http = new Request({ baseURL: 'https://api.example.com' })

http.interceptors.request.use(async (config) => {
  config.custom.token = await client.getAccessToken()
  config.header = { ...config.header, Authorization: 'Bearer ' + config.custom.token }
  return config
})

http.interceptors.response.use(undefined, async (response) => {
  const { config, statusCode } = response
  if (statusCode !== 401 || config.custom.again) throw response
  await client.refresh(config.custom.token)
  return http.middleware({ ...config, custom: { ...config.custom, again: true } })
})
