/** Addresses without `URL`, which mini programs lack. */

/**
 * The absolute address of `url`. A relative one stays under `baseURL` whatever it begins with: `//other.example` too,
 * and with tabs or newlines between the slashes, which browsers leave out.
 */
export function join(baseURL: string, url: string): string {
  return /^[a-z][a-z\d+.-]*:/i.test(url) ? url : baseURL.replace(/\/+$/, '') + '/' + url.replace(/^[/\\\s]+/, '')
}

/** Whether what `join` made lies under `baseURL`. `https://api.example.com.evil.example` does not lie under `https://api.example.com`. */
export function isUnder(baseURL: string, joined: string): boolean {
  return joined.indexOf(join(baseURL, '')) === 0
}

/** An address without its query and fragment. */
export function bare(url: string): string {
  return url.replace(/\/*([?#].*)?$/, '')
}
