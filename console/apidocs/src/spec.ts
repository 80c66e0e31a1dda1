/** The OpenAPI document as this page reads it: the part of OpenAPI 3.0 that it uses, and nothing more. */

export interface Ref { $ref: string }
export type MayRef<T> = T | Ref

export interface Schema {
  type?: string
  enum?: unknown[]
  oneOf?: MayRef<Schema>[]
  anyOf?: MayRef<Schema>[]
  allOf?: MayRef<Schema>[]
  items?: MayRef<Schema>
  properties?: Record<string, MayRef<Schema>>
  required?: string[]
  nullable?: boolean
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  maxItems?: number
  default?: unknown
  example?: unknown
  description?: string
  'x-enumDescriptions'?: Record<string, string>
  'x-statuses'?: Record<string, number>
}

export interface Media {
  schema?: MayRef<Schema>
  example?: unknown
  examples?: Record<string, { summary?: string; value: unknown }>
}

export interface Parameter {
  name: string
  in: 'path' | 'query' | 'header'
  required?: boolean
  description?: string
  schema?: MayRef<Schema>
  example?: unknown
}

export interface Header { description?: string; required?: boolean; schema?: MayRef<Schema> }

export interface Response {
  description: string
  headers?: Record<string, MayRef<Header>>
  content?: Record<string, Media>
}

export interface Body { description?: string; required?: boolean; content: Record<string, Media> }

interface OperationObject {
  operationId: string
  tags: string[]
  summary: string
  description?: string
  parameters?: MayRef<Parameter>[]
  requestBody?: MayRef<Body>
  responses: Record<string, MayRef<Response>>
  security?: Record<string, unknown>[]
}

export interface Document {
  info: { title: string; version: string; description: string }
  tags: { name: string; description: string }[]
  security?: Record<string, unknown>[]
  paths: Record<string, Record<string, OperationObject> & { parameters?: MayRef<Parameter>[] }>
  components: { schemas: Record<string, MayRef<Schema>>; securitySchemes: Record<string, { description: string }> }
}

/** One method of one path, with every reference at its top followed. */
export interface Operation {
  id: string
  method: Method
  path: string
  tag: string
  summary: string
  description: string
  /** Names of the security schemes of which one is enough; none for a path that is open to anyone. */
  schemes: string[]
  /** Whether the path answers without credentials. */
  open: boolean
  parameters: Parameter[]
  body: Body | undefined
  responses: [status: string, response: Response][]
}

export const METHODS = ['get', 'head', 'post', 'put', 'patch', 'delete'] as const
export type Method = (typeof METHODS)[number]

/** What the page shows, read once from the document. */
export class Spec {
  readonly operations: Operation[] = []

  constructor(readonly document: Document) {
    for (const [path, item] of Object.entries(document.paths)) {
      for (const method of METHODS) {
        const one = item[method]
        if (one) this.operations.push(this.#operation(path, method, one, item.parameters ?? []))
      }
    }
  }

  #operation(path: string, method: Method, one: OperationObject, shared: MayRef<Parameter>[]): Operation {
    const security = one.security ?? this.document.security ?? []
    const schemes = security.flatMap((choice) => Object.keys(choice))
    return {
      id: one.operationId,
      method,
      path,
      tag: one.tags[0] ?? '',
      summary: one.summary,
      description: one.description ?? '',
      schemes,
      open: security.length === 0 || security.some((choice) => Object.keys(choice).length === 0),
      parameters: [...shared, ...(one.parameters ?? [])].map((p) => this.at(p)),
      body: one.requestBody && this.at(one.requestBody),
      responses: Object.entries(one.responses).sort(([a], [b]) => a.localeCompare(b)).map(([status, r]) => [status, this.at(r)]),
    }
  }

  /** What a reference leads to, or the value itself. */
  at<T extends object>(value: MayRef<T>): T {
    let found: unknown = value
    while (typeof found === 'object' && found !== null && '$ref' in found) {
      const path = (found as Ref).$ref.slice(2).split('/')
      found = path.reduce<unknown>((at, part) => (at as Record<string, unknown>)[part.replace(/~1/g, '/').replace(/~0/g, '~')], this.document)
    }
    return found as T
  }

  /** The schema with its allOf joined: a later part narrows the properties of an earlier one. */
  flat(value: MayRef<Schema>): Schema {
    const schema = this.at(value)
    if (!schema.allOf) return schema
    const out: Schema & { properties: Record<string, Schema>; required: string[] } = { type: 'object', properties: {}, required: [] }
    if (schema.description) out.description = schema.description
    for (const part of schema.allOf.map((one) => this.flat(one))) {
      out.required.push(...(part.required ?? []))
      for (const [name, property] of Object.entries(part.properties ?? {})) {
        out.properties[name] = { ...out.properties[name], ...this.at(property) }
      }
    }
    return out
  }

  /** The codes by which a program decides, of a response that is an error. */
  codes(response: Response): string[] {
    const media = Object.values(response.content ?? {})[0]
    if (!media?.schema) return []
    const { properties } = this.flat(media.schema)
    const code = properties?.code ?? properties?.error
    return code ? (this.at(code).enum ?? []).map(String) : []
  }

  /** Every code of problem documents: its status, what it means, and the operations that answer with it. */
  errors(): { code: string; status: number | undefined; meaning: string; operations: Operation[] }[] {
    const problem = this.flat({ $ref: '#/components/schemas/Problem' })
    const { 'x-enumDescriptions': meanings = {}, 'x-statuses': statuses = {} } = this.at(problem.properties?.code ?? {})
    return Object.entries(meanings).map(([code, meaning]) => ({
      code,
      status: statuses[code],
      meaning,
      operations: this.operations.filter(({ responses }) => responses.some(([, response]) => this.codes(response).includes(code))),
    }))
  }
}

/** The name at the end of a reference, or nothing. */
export const refName = (value: object): string => ('$ref' in value ? String(value.$ref).split('/').pop() ?? '' : '')

/** The examples of a body, each with what it shows. */
export function examples(media: Media): { summary: string; value: unknown }[] {
  if (media.example !== undefined) return [{ summary: '', value: media.example }]
  return Object.values(media.examples ?? {}).map(({ summary, value }) => ({ summary: summary ?? '', value }))
}

/** An example as text: JSON with two blanks of indentation, or the string itself. */
export const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value, null, 2))
