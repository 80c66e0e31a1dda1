import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { said, t } from './words'

/** A line of the document's text, with its two marks: `code` and **bold**. */
export function Inline({ text }: { text: string }) {
  return (
    <>
      {text.split(/(`[^`]+`|\*\*[^*]+\*\*)/).map((part) => {
        if (part.startsWith('`')) return <code>{part.slice(1, -1)}</code>
        return part.startsWith('**') ? <strong>{part.slice(2, -2)}</strong> : part
      })}
    </>
  )
}

/** Paragraphs, and lists of the lines that begin with "- ", in the chosen language. */
export function Prose({ text }: { text: string }) {
  const blocks: { list: boolean; lines: string[] }[] = []
  let last: { list: boolean; lines: string[] } | undefined
  for (const line of said(text).trim().split('\n')) {
    if (!line.trim()) last = undefined
    else if (line.startsWith('- ')) {
      if (!last?.list) blocks.push((last = { list: true, lines: [] }))
      last.lines.push(line.slice(2))
    } else if (last) last.lines.push(`${last.lines.pop() ?? ''} ${line.trim()}`)
    else blocks.push((last = { list: false, lines: [line] }))
  }
  return (
    <div class="prose">
      {blocks.map(({ list, lines }) =>
        list ? <ul>{lines.map((line) => <li><Inline text={line} /></li>)}</ul> : <p><Inline text={lines[0] ?? ''} /></p>)}
    </div>
  )
}

/** Code with a button that copies it, where the browser lets a page write to the clipboard. */
export function Code({ text, label, children }: { text: string; label?: string; children?: ComponentChildren }) {
  const [copied, setCopied] = useState(false)
  const copy = async () => {
    await navigator.clipboard.writeText(text)
    setCopied(true)
    setTimeout(() => { setCopied(false) }, 1500)
  }
  return (
    <figure>
      {label && <figcaption>{label}</figcaption>}
      {children}
      <pre tabIndex={0}><code>{text}</code></pre>
      {'clipboard' in navigator && <button type="button" class="copy" onClick={() => void copy()}>{t(copied ? 'copied' : 'copy')}</button>}
    </figure>
  )
}
