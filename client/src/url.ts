/** Addresses without `URL`, which mini programs lack. */

/**
 * The absolute address of `url`. A relative one stays under `baseURL` whatever it begins with: `//other.example` too,
 * and with tabs or newlines between the slashes, which browsers leave out.
 */
export function join(baseURL: string, url: string): string {
  return isAbsolute(url) ? url : baseURL.replace(/\/+$/, '') + '/' + url.replace(/^[/\\\s]+/, '')
}

/** Whether an address lies under `baseURL`. `https://api.example.com.evil.example` does not lie under `https://api.example.com`. */
export function isUnder(baseURL: string, url: string): boolean {
  return !isAbsolute(url) || url.indexOf(join(baseURL, '')) === 0
}

function isAbsolute(url: string): boolean {
  return /^[a-z][a-z\d+.-]*:/i.test(url)
}
