import type { Client } from '@wugan/client'
import { withAccount } from '@wugan/client/account'

const client = withAccount(require('../../client') as Client, { host: wx })
const { webURL } = require('../../config') as { webURL: string }

// The page in the web-view has no wx.login: it logs in with a ticket, which works once and for a minute. Never put
// tokens into an address.
Page({
  data: { src: '' },

  onLoad() {
    return client.getTicket().then(
      ({ ticket }) => { this.setData({ src: `${webURL}#ticket=${encodeURIComponent(ticket)}` }) },
      (error: Error) => { wx.showToast({ title: error.message, icon: 'none' }) },
    )
  },
})
