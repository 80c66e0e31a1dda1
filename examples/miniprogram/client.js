const { createClient } = require('@wugan/client')
const { baseURL, devUser } = require('./config')

module.exports = createClient({
  host: wx,
  baseURL,
  getCode: devUser ? () => 'dev:' + devUser : undefined,
})
