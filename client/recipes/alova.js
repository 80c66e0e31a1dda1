import { createAlova } from 'alova'
import { client } from './client'

/** Around any adapter of alova's: adapterFetch(), or AdapterUniapp().requestAdapter. */
export const withLogin = (adapter) => (elements, method) => {
  let sent
  const send = (token) => {
    sent = adapter({ ...elements, headers: { ...elements.headers, Authorization: 'Bearer ' + token } }, method)
    return sent.response()
  }
  const answer = client.getAccessToken().then(async (token) => {
    const response = await send(token)
    return (response.status ?? response.statusCode) === 401 ? send(await client.refresh(token)) : response
  })
  return {
    response: () => answer,
    headers: () => answer.then(() => sent.headers(), () => ({})),
    abort: () => sent?.abort(),
  }
}

export const alova = (adapter) =>
  createAlova({ baseURL: 'https://api.example.com', requestAdapter: withLogin(adapter) })
