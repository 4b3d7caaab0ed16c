// The scripts of the page are joined into one, and use each other's names: names are checked where they are together,
// by tsc and by tests/view/page/js/joined.test.mjs; all else here.
import js from '@eslint/js';
import { defineConfig, includeIgnoreFile } from 'eslint/config';
import globals from 'globals';
import { fileURLToPath } from 'node:url';

export default defineConfig([
  includeIgnoreFile(fileURLToPath(new URL('.gitignore', import.meta.url))),
  {
    files: ['**/*.{js,mjs}'],
    extends: [js.configs.recommended],
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      'array-callback-return': 'error',
      eqeqeq: 'error',
      'no-console': 'error',
      'no-eval': 'error',
      'no-implied-eval': 'error',
      'no-lonely-if': 'error',
      'no-new-func': 'error',
      'no-unneeded-ternary': 'error',
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
      'prefer-template': 'error',
    },
  },
  {
    files: ['hf_attn_model/view/page/assets/*.js'],
    languageOptions: { sourceType: 'script', globals: globals.browser },
    rules: {
      'no-control-regex': 'off', // what tokens hold is made visible
      'no-undef': 'off',
      'no-unused-vars': ['error', { vars: 'local' }],
    },
  },
  { files: ['eslint.config.js', 'tests/**'], languageOptions: { globals: globals.node } },
]);
