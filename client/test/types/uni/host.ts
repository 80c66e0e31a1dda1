/** Compiled only: uni-app's typings fit the host. */
import { createClient } from '../../../src/index.wx'

const client = createClient({ host: uni, baseURL: 'https://api.example.com' })
void client.post('/orders', { tea: 2 }).then(({ statusCode }) => statusCode)
