/** What most tests begin with. */
import { createClient } from '../../src/client'
import type { AuthEvent, Client, ClientOptions } from '../../src/types'
import { BASE, Device } from './device'
import { outcome } from './time'

export interface Scene {
  device: Device
  service: Device['service']
  client: Client
  events: AuthEvent[]
  /** The events' names, in order. */
  types: () => string[]
}

/** A client on a device; jitter is in the middle, so that 0.3 s is 0.3 s. */
export function scene(options: Partial<ClientOptions> = {}, device = new Device()): Scene {
  const client = createClient({ host: device.host, baseURL: BASE, random: () => 0.5, ...options })
  const events: AuthEvent[] = []
  client.onAuthStateChange((event) => events.push(event))
  return { device, service: device.service, client, events, types: () => events.map((event) => event.type) }
}

/** Logged in, with nothing in the record but what comes now. */
export async function loggedIn(options: Partial<ClientOptions> = {}): Promise<Scene> {
  const made = scene(options)
  await outcome(made.client.get('/a'))
  made.service.calls.length = 0
  made.device.sent.length = 0
  made.events.length = 0
  return made
}
