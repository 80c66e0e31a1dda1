/**
 * All that the core may use beside ES2015 itself: mini programs have timers, and neither fetch nor a DOM. The core is
 * compiled against this file alone (tsconfig.core.json), so that the compiler finds what a mini program would miss.
 */
declare function setTimeout(callback: () => void, milliseconds: number): number
declare function clearTimeout(timer: number): void
