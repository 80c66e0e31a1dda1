import type { Client, User } from '@wugan/client'
import { withAccount } from '@wugan/client/account'

type Pressed = { detail: { code?: string } }

const client = withAccount(require('../../client') as Client, { host: wx })

Page({
  data: { avatarUrl: '', nickname: '', phone: '' },

  onLoad() {
    return this.show(client.fetchUser())
  },

  // A path on the phone (wxfile://tmp_…, http://tmp/…) that no one else can see: it goes to your own storage first.
  chooseAvatar({ detail }: { detail: { avatarUrl: string } }) {
    const uploaded = client.uploadFile({ url: '/storage/avatars', filePath: detail.avatarUrl, name: 'file' }).then((answer) => {
      if (!answer.ok) throw new Error(`头像没有保存（${answer.statusCode}）`)
      return client.saveProfile({ avatarUrl: (JSON.parse(answer.data) as { url: string }).url })
    })
    return this.show(uploaded)
  },

  // WeChat checks the name before it leaves the field, and empties one that does not pass.
  saveNickname({ detail }: { detail: { value: string } }) {
    if (detail.value) return this.show(client.saveProfile({ nickname: detail.value }))
  },

  bindPhone({ detail }: Pressed) {
    if (detail.code) return this.show(client.bindPhone(detail.code)) // without a code the user has declined
  },

  // One press: logs in and binds the number in the same call.
  loginWithPhone({ detail }: Pressed) {
    return this.show(client.login(detail.code ? { phoneCode: detail.code } : {}).then(() => client.fetchUser()))
  },

  show(asked: PromiseLike<User>) {
    return asked.then(
      ({ avatarUrl, nickname, phone }) => { this.setData({ avatarUrl, nickname, phone }) },
      (error: Error) => { wx.showToast({ title: error.message, icon: 'none' }) },
    )
  },
})
