import { createClient } from '@wugan/client'

export const client = createClient({ host: uni, baseURL: 'https://api.example.com' })
