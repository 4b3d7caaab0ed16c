/* The scripts of the page, joined as document.py joins them, and as much of a browser as they need to be loaded. */

import { readFileSync } from 'node:fs';
import { compileFunction } from 'node:vm';

const folder = new URL('../../../../hf_attn_model/view/page/', import.meta.url);
const read = (name) => readFileSync(new URL(name, folder), 'utf8');
const [, listed] = read('document.py').match(/^SCRIPTS = \((.*?)^\)/ms);

export const SCRIPTS = [...listed.matchAll(/^ {4}"(\w+\.js)",/gm)].map(([, name]) => name);
export const SOURCES = SCRIPTS.map((name) => read(`assets/${name}`));
export const PAGE = read('assets/page.html');

class StubElement {
  children = [];
  attributes = {};
  listeners = {};
  dataset = {};
  className = '';
  id = '';
  hidden = false;
  disabled = false;
  isFocused = false;
  tabIndex = -1;
  type = '';
  value = '';
  colSpan = 1;
  style = { setProperty: (name, value) => Object.assign(this.style, { [name]: value }) };
  classList = { toggle() {}, add() {}, remove() {} };

  constructor(tag) {
    this.tagName = tag.toUpperCase();
  }

  get textContent() {
    return this.children.map((child) => child.textContent ?? child).join('');
  }

  set textContent(text) {
    this.children = [text];
  }

  append(...children) {
    this.children.push(...children);
  }

  replaceChildren(...children) {
    this.children = children;
  }

  setAttribute(name, value) {
    this.attributes[name] = value;
  }

  addEventListener(type, act) {
    (this.listeners[type] ??= []).push(act);
  }

  dispatch(type, event = {}) {
    const whole = { type, target: this, preventDefault() {}, ...event };
    for (const act of this.listeners[type] ?? []) act(whole);
  }

  focus() {
    this.isFocused = true;
  }

  matches(selector) {
    return selector.includes(`input[type=${this.type}]`) || selector.includes(this.tagName.toLowerCase());
  }

  contains() {
    return false;
  }

  getContext() {
    return { fillRect() {} };
  }
}

/**
 * Load the scripts of a page, up to one of them, without drawing anything.
 *
 * @param {{records?: object[], facts?: object, upTo?: string}} page its records and the rest of its data; `upTo` is the
 *   last script to load, by default that before start.js, which begins to draw
 * @returns {object} every name that the scripts declare; `frames` are the callbacks that wait for the next frame,
 *   `byId` finds stubs of elements
 */
export function load({ records = [], facts = {}, upTo = SCRIPTS.at(-2) } = {}) {
  const index = {
    records: records.map(({ id, source, target, places }) => [id, source.text, target.text, Object.keys(places)]),
    heads: {},
    colours: { weights: [], differences_light: [], differences_dark: [] },
    source_error: 0,
    is_film: false,
    ...facts,
  };
  const elements = new Map();
  const addData = (id, data) => {
    elements.set(id, new StubElement('script'));
    elements.get(id).textContent = JSON.stringify(data);
  };
  addData('page-data', index);
  records.forEach((record, number) => addData(`record-${number}`, record));
  const document = new StubElement('document');
  document.documentElement = new StubElement('html');
  document.createElement = (tag) => new StubElement(tag);
  document.getElementById = (id) => {
    if (!elements.has(id)) elements.set(id, new StubElement('div'));
    return elements.get(id);
  };
  const frames = [];
  const browser = {
    document,
    Element: StubElement,
    HTMLElement: StubElement,
    matchMedia: () => ({ matches: false, addEventListener() {} }),
    requestAnimationFrame: (draw) => frames.push(draw),
    cancelAnimationFrame: () => frames.pop(),
    addEventListener() {},
    getComputedStyle: () => ({ direction: 'ltr' }),
  };
  const joined = SOURCES.slice(0, SCRIPTS.indexOf(upTo) + 1).join('\n');
  const code = `'use strict';\n${joined}\nreturn (name) => eval(name);`;
  const valueOf = compileFunction(code, Object.keys(browser), { filename: 'page.js' })(...Object.values(browser));
  return new Proxy({ frames, document }, { get: (own, name) => own[name] ?? valueOf(name) });
}
