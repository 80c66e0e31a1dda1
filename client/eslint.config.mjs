import js from '@eslint/js'
import tseslint from 'typescript-eslint'

// What the core may not touch, since mini programs lack it. The hosts for browsers may.
const absentInMiniPrograms = ['AbortController', 'AbortSignal', 'URL', 'URLSearchParams', 'Headers', 'Request', 'Response', 'fetch', 'FormData', 'Blob', 'window', 'document', 'navigator', 'localStorage', 'globalThis', 'wx', 'uni']

export default tseslint.config(
  { ignores: ['dist', 'miniprogram_dist', 'node_modules', 'types'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      // Messages are put together with + in the core: a template costs the same, and numbers print as they are.
      '@typescript-eslint/restrict-plus-operands': ['error', { allowNumberAndString: true }],
      // Whatever a flight or a call rejects with is made here, as a ClientError.
      '@typescript-eslint/use-unknown-in-catch-callback-variable': 'off',
      // What the host hands over is checked where it is read (answers.ts); the assertion says that a test or a line above made sure.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['src/**'],
    ignores: ['src/hosts/fetch.ts', 'src/hosts/tabs.ts', 'src/weixin.ts'],
    rules: { 'no-restricted-globals': ['error', ...absentInMiniPrograms] },
  },
  {
    files: ['src/**'],
    rules: {
      'no-restricted-syntax': [
        'error',
        { selector: ':function[async=true]', message: 'async functions would need a helper in ES2015: return the promise.' },
      ],
    },
  },
  { files: ['**/*.mjs', '**/*.js', '*.mts'], ...tseslint.configs.disableTypeChecked },
  { files: ['**/*.mjs'], languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } } },
  { files: ['recipes/**'], languageOptions: { sourceType: 'module', globals: { uni: 'readonly' } } },
)
