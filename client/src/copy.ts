/**
 * A copy of what a call hands in, so that what its caller does to it afterwards changes nothing: plain objects and
 * arrays, all the way down. Everything else (a file, bytes, an instance of a class) stays what it is.
 */
export function copied<T>(value: T): T {
  if (Array.isArray(value)) return value.map(copied) as unknown as T
  const { constructor } = Object(value) as { constructor?: { name: string } }
  // Plain: made by `{}`, in this realm or in another, or without a prototype.
  if (!value || typeof value !== 'object' || (constructor && constructor.name !== 'Object')) return value
  const copy: Record<string, unknown> = {}
  Object.keys(value).forEach((name) => {
    copy[name] = copied((value as Record<string, unknown>)[name])
  })
  return copy as T
}
