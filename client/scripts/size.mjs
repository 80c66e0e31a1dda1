// Fails when what a mini program carries has outgrown its promise, as `gzip -9` counts it: 5 KB for what everybody needs,
// and each further part by itself.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const LIMITS = { 'index.js': 5120 }
/** A part that nobody has to take. */
const PART = 2048
const folder = new URL('../miniprogram_dist/', import.meta.url)
for (const file of readdirSync(folder, { recursive: true }).map(String).filter((name) => name.endsWith('.js'))) {
  const limit = LIMITS[file] ?? PART
  const size = gzipSync(readFileSync(new URL(file, folder)), { level: 9 }).length
  console.log(`miniprogram_dist/${file}: ${size} of ${limit} bytes, gzipped`)
  if (size > limit) process.exitCode = 1
}
