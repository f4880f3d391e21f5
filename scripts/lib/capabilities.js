/** Capabilities, their states, and the tests that show them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { filesBelow, root } from './root.js';

/**
 * @typedef {{ id: string, area: string, group: string, text: string, from: string[] }} Capability
 * @typedef {{ state: 'done' | 'partial' | 'missing' | 'later', lacks: string }} State
 * @typedef {{ file: string, title: string }} ShownBy
 */

/** @returns {Capability[]} */
export function readCapabilities() {
  return JSON.parse(readFileSync(join(root, 'docs/capabilities.json'), 'utf8'));
}

/**
 * Every capability's state from `docs/status.json`, where an id is `"done"`, `"later"`, `"missing"` or
 * `{ "partial": "what lacks" }`. An id that is not in the file is missing.
 * @param {Capability[]} capabilities
 * @returns {Map<string, State>}
 */
export function readStates(capabilities) {
  const data = JSON.parse(readFileSync(join(root, 'docs/status.json'), 'utf8'));
  const states = new Map(
    capabilities.map(({ id }) => [id, /** @type {State} */ ({ state: 'missing', lacks: '' })]),
  );
  for (const [id, value] of Object.entries(data)) {
    if (!states.has(id)) throw new Error(`docs/status.json: there is no capability ${id}`);
    const lacks = typeof value === 'object' && value !== null ? value.partial : undefined;
    if (typeof lacks === 'string' && lacks !== '') states.set(id, { state: 'partial', lacks });
    else if (value === 'done' || value === 'later' || value === 'missing')
      states.set(id, { state: value, lacks: '' });
    else
      throw new Error(
        `docs/status.json: ${id} must be "done", "later", "missing" or { "partial": "what lacks" }`,
      );
  }
  return states;
}

/** Areas that are whole: each id is done or put off, none is missing. */
const whole = new Set(['C']);

/**
 * Whether a test has to show the id: because it is said to be done, or because its area is.
 * @param {string} id
 * @param {State['state']} state
 */
export function needsTest(id, state) {
  return state === 'done' || (whole.has(id.charAt(0)) && state !== 'later');
}

/**
 * The tests whose titles start with the id of a capability, as in `C41 C43 a partial write …`.
 * @returns {Map<string, ShownBy[]>}
 */
export function readTests() {
  /** @type {Map<string, ShownBy[]>} */
  const tests = new Map();
  for (const file of filesBelow('test', (path) => path.endsWith('.test.ts'))) {
    for (const title of titlesIn(readFileSync(join(root, file), 'utf8'))) {
      for (const id of idsOf(title)) {
        const shown = tests.get(id) ?? [];
        if (!shown.some((one) => one.file === file && one.title === title)) shown.push({ file, title });
        tests.set(id, shown);
      }
    }
  }
  return tests;
}

/** A string literal that starts with ids, then goes on with words. */
const TITLE = /(['"`])((?:[LCG]\d{1,3}[ ,:]+)+(?:(?!\1)[^\\\n]|\\.)+)\1/g;

/** @param {string} text @returns {string[]} */
export function titlesIn(text) {
  return [...text.matchAll(TITLE)].map((match) => match[2].replace(/\\(.)/g, '$1'));
}

/** @param {string} title @returns {string[]} */
export function idsOf(title) {
  const [start] = /^(?:[LCG]\d{1,3}[ ,:]+)+/.exec(title) ?? [''];
  return start.match(/[LCG]\d+/g) ?? [];
}
