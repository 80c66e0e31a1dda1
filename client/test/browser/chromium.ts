/** Debian's Chromium (`apt-get install chromium`), or the one that CHROMIUM names. It calls this machine alone. */
import { type Browser, chromium } from 'playwright-core'

export const openChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
  })
