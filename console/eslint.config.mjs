import js from '@eslint/js'
import tseslint from 'typescript-eslint'

// The rules of the client's sources (client/eslint.config.mjs), but for what mini programs lack.
export default tseslint.config(
  { ignores: ['node_modules'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      // Numbers are put after texts with + as they are.
      '@typescript-eslint/restrict-plus-operands': ['error', { allowNumberAndString: true }],
      // An assertion says that a line above made sure.
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  { files: ['**/*.mjs', '*.config.ts'], ...tseslint.configs.disableTypeChecked },
)
