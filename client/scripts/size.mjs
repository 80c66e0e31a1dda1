// Fails when what a mini program carries has outgrown its promise: 4 KB, as `gzip -9` counts it.
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMIT = 4096
const file = new URL('../miniprogram_dist/index.js', import.meta.url)
const size = gzipSync(readFileSync(file), { level: 9 }).length
console.log(`miniprogram_dist/index.js: ${size} of ${LIMIT} bytes, gzipped`)
if (size > LIMIT) process.exit(1)
