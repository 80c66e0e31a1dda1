import type { ComponentChildren } from 'preact'
import { examples, refName, written, type Media, type MayRef, type Schema, type Spec } from './spec'
import { Code, Inline } from './text'
import { said, t } from './words'

const DEEPEST = 3

// Beside properties of its own, alternatives say only which of them are required.
const alternatives = (schema: Schema) => (schema.properties ? undefined : schema.oneOf ?? schema.anyOf)

function typeOf(spec: Spec, value: MayRef<Schema>): string {
  const schema = spec.flat(value)
  const choices = alternatives(schema)
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(' | ')
  if (choices) return choices.map((one) => refName(one) || typeOf(spec, one)).join(` ${t('or')} `)
  if (schema.type === 'array' && schema.items) return t('list.of', { type: refName(schema.items) || typeOf(spec, schema.items) })
  const type = refName(value) || schema.type || t('any')
  return schema.nullable ? t('or.null', { type }) : type
}

function limits(schema: Schema): string {
  const { minLength: least = 0, maxLength: most } = schema
  const out: string[] = []
  if (most !== undefined) {
    if (least === most) out.push(t('limit.exactly', { n: most }))
    else out.push(least > 0 ? t('limit.between', { least, most }) : t('limit.most', { n: most }))
  } else if (least > 0) out.push(t('limit.filled'))
  if (schema.minimum !== undefined) out.push(t('limit.from', { n: schema.minimum }))
  if (schema.maximum !== undefined) out.push(t('limit.to', { n: schema.maximum }))
  if (schema.maxItems !== undefined) out.push(t('limit.items', { n: schema.maxItems }))
  if (schema.default !== undefined) out.push(t('limit.default', { n: typeof schema.default === 'string' ? schema.default : JSON.stringify(schema.default) }))
  return out.join(' · ')
}

interface Named {
  spec: Spec
  name: string
  schema: MayRef<Schema> | undefined
  required?: boolean | undefined
  description?: string | undefined
  place?: string
  children?: ComponentChildren
}

/** One field, parameter or header: its name, type, limits and meaning. */
export function Row({ spec, name, schema = {}, required, description, place, children }: Named) {
  const flat = spec.flat(schema)
  const bounds = limits(flat)
  const note = said(description ?? flat.description)
  return (
    <>
      <dt><code>{name}</code>{place && <span class="in">{place}</span>}</dt>
      <dd>
        <span class="type">{typeOf(spec, schema)}</span>
        {required && <span class="required">{t('required')}</span>}
        {bounds && <span class="limits">{bounds}</span>}
        {note && <div class="note"><Inline text={note.trim()} /></div>}
        {children}
      </dd>
    </>
  )
}

/** The fields of a schema, those of objects inside it included. */
export function Fields({ spec, schema, depth = 0 }: { spec: Spec; schema: MayRef<Schema>; depth?: number }) {
  const flat = spec.flat(schema)
  const choices = alternatives(flat)
  if (choices) {
    return (
      <div class="alternatives">
        {choices.map((one, i) => (
          <>
            {i > 0 && <p class="or">{t('or')}</p>}
            {spec.flat(one).properties ? <Fields spec={spec} schema={one} depth={depth} /> : <span class="type">{typeOf(spec, one)}</span>}
          </>
        ))}
      </div>
    )
  }
  if (flat.type === 'array' && flat.items) return <Fields spec={spec} schema={flat.items} depth={depth} />
  if (!flat.properties) return null
  return (
    <dl>
      {Object.entries(flat.properties).map(([name, property]) => (
        <Row spec={spec} name={name} schema={property} required={flat.required?.includes(name)}>
          {depth < DEEPEST && <Fields spec={spec} schema={property} depth={depth + 1} />}
        </Row>
      ))}
    </dl>
  )
}

/** A body: each media type with its fields and examples. */
export function Content({ spec, bodies }: { spec: Spec; bodies: Record<string, Media> }) {
  return (
    <>
      {Object.entries(bodies).map(([type, media]) => (
        <div class="media">
          <p class="mime"><code>{type}</code> {media.schema && refName(media.schema)}</p>
          {media.schema && <Fields spec={spec} schema={media.schema} />}
          <Examples media={media} />
        </div>
      ))}
    </>
  )
}

export function Examples({ media }: { media: Media }) {
  return <>{examples(media).map(({ summary, value }) => <Code text={written(value)} label={said(summary)} />)}</>
}
