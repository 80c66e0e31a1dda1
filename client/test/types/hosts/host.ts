/** Compiled only: the platforms' own typings fit what the hosts are made of. */
import { alipayHost } from '../../../src/alipay'
import { baiduCode, baiduHost } from '../../../src/baidu'
import { douyinCode, douyinHost } from '../../../src/douyin'
import { createClient } from '../../../src/index.wx'

const baseURL = 'https://api.example.com'
createClient({ host: alipayHost(my), baseURL })
createClient({ host: douyinHost(tt), baseURL })
createClient({ host: baiduHost(swan), baseURL })
void Promise.all([douyinCode(tt), baiduCode(swan)])
// @ts-expect-error -- `my` is no host as it is
createClient({ host: my, baseURL })
