/* The scripts, read as the one script that the page runs: every name is declared, once, before it is needed, and used. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SCRIPTS, SOURCES } from './scripts.mjs';

const load = (name) => import(name).catch(() => null);
const [eslint, globals] = [await load('eslint'), await load('globals')];

/** Find what is wrong with names, by file and line. */
function problems(sources) {
  const code = `(() => {\n'use strict';\n${sources.join('')}})();\n`;
  const lines = sources.flatMap((source, i) =>
    source
      .split('\n')
      .slice(0, -1)
      .map((_, line) => `${SCRIPTS[i]}:${line + 1}`),
  );
  const found = new eslint.Linter().verify(code, {
    languageOptions: { sourceType: 'script', globals: globals.default.browser },
    rules: {
      'no-redeclare': 'error',
      'no-undef': 'error',
      'no-unused-vars': 'error',
      'no-use-before-define': ['error', { functions: false, variables: false, classes: false }],
    },
  });
  return found.map(({ line, message }) => `${lines[line - 3]} ${message}`);
}

const needs = { skip: !(eslint && globals) && 'there is no eslint: npm ci' };

test('names of joined scripts', needs, () => assert.deepEqual(problems(SOURCES), []));

test('each kind of fault would be found', needs, () => {
  const with_ = (fault) => problems([...SOURCES.slice(0, 2), `${fault}\n`, ...SOURCES.slice(3)]).join('\n');
  assert.match(with_('sentences();'), /words\.js:1 'sentences' is not defined/);
  assert.match(with_('const unused = 1;'), /words\.js:1 'unused' is assigned a value but never used/);
  assert.match(with_('const make = 1;'), /words\.js:1 .*'make' has already been declared/);
  assert.match(with_('sum([1]);'), /words\.js:1 'sum' was used before it was defined/);
});
