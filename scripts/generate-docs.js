/**
 * Writes the documents that follow from their sources, or checks that they do:
 *
 *   node scripts/generate-docs.js [--check]
 *
 *   docs/status.md    from docs/capabilities.json, docs/status.json and the titles of the tests
 *   docs/rfc-map.md   from the citations `RFC 9000 §8.1` in src/ and test/
 *   docs/errors.md    from the tables in src/errors.ts
 *   docs/limits.md    from the exported constants MAX_… and …_LIMIT in src/
 */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { readCapabilities, readStates, readTests } from './lib/capabilities.js';
import { filesBelow, root } from './lib/root.js';

const documents = {
  'docs/status.md': statusDocument,
  'docs/rfc-map.md': rfcDocument,
  'docs/errors.md': errorsDocument,
  'docs/limits.md': limitsDocument,
};
const faults = [];
const words = process.argv.slice(2);
const checking = words.includes('--check');
const unknown = words.find((word) => word !== '--check');

if (unknown !== undefined) {
  console.error(`generate-docs: unknown option "${unknown}": --check is the only one`);
  process.exitCode = 2;
} else {
  for (const [path, make] of Object.entries(documents)) {
    try {
      const text = `${(await make()).trim()}\n`;
      const old = existsSync(join(root, path))
        ? readFileSync(join(root, path), 'utf8').replaceAll('\r\n', '\n')
        : null;
      if (old === text) continue;
      if (checking)
        faults.push(`${path} is not what its sources say: run npm run docs:generate and commit it`);
      else {
        writeFileSync(join(root, path), text);
        console.log(`wrote ${path}`);
      }
    } catch (error) {
      faults.push(`${path}: ${error.message}`);
    }
  }
  for (const fault of faults) console.error(fault);
  if (faults.length > 0) process.exitCode = 1;
  else console.log(`${Object.keys(documents).length} generated documents are up to date`);
}

function statusDocument() {
  const capabilities = readCapabilities();
  const states = readStates(capabilities);
  const tests = readTests();
  const of = (name) => capabilities.filter(({ id }) => states.get(id).state === name).length;
  const lines = [
    '# Status',
    '',
    note('`docs/capabilities.json`, `docs/status.json` and the titles of the tests'),
    '',
    `Of ${capabilities.length} capabilities ${of('done')} are done, ${of('partial')} in part, ${of('missing')} missing, ` +
      `${of('later')} left for later. A capability is done when a test shows it.`,
  ];
  let area = '';
  let group = '';
  for (const capability of capabilities) {
    const { id, text, from } = capability;
    if (capability.area !== area) {
      area = capability.area;
      lines.push('', `## ${area[0].toUpperCase()}${area.slice(1)}`);
    }
    if (capability.group !== group) {
      group = capability.group;
      lines.push(
        '',
        `### ${group}`,
        '',
        '| Id | Capability | Known from | State | Shown by |',
        '|---|---|---|---|---|',
      );
    }
    const { state, lacks } = states.get(id);
    const shown = [...new Set((tests.get(id) ?? []).map(({ file }) => file))];
    if (state === 'done' && shown.length === 0) {
      faults.push(`docs/status.json says ${id} is done, but no test has ${id} in front of its title`);
    }
    const cells = [
      id,
      text,
      from.join(', '),
      lacks ? `${state}: ${lacks}` : state,
      shown.map(code).join('<br>'),
    ];
    lines.push(row(cells));
  }
  return lines.join('\n');
}

function rfcDocument() {
  /** @type {Map<string, Map<string, { sources: string[], tests: string[] }>>} */
  const rfcs = new Map();
  const folders = ['src', 'test'].flatMap((folder) => filesBelow(folder, (path) => path.endsWith('.ts')));
  for (const path of folders) {
    for (const { rfc, section } of citations(readFileSync(join(root, path), 'utf8'))) {
      if (!rfcs.has(rfc)) rfcs.set(rfc, new Map());
      const sections = rfcs.get(rfc);
      if (!sections.has(section)) sections.set(section, { sources: [], tests: [] });
      const list = path.startsWith('src/') ? sections.get(section).sources : sections.get(section).tests;
      if (!list.includes(path)) list.push(path);
    }
  }
  const lines = ['# Where the RFCs are', '', note('the citations in `src/` and `test/`'), ''];
  lines.push('A section without a test is implemented without one that names it.');
  for (const rfc of [...rfcs.keys()].sort(bySection)) {
    lines.push('', `## RFC ${rfc}`, '', '| Section | Source | Tests |', '|---|---|---|');
    for (const section of [...rfcs.get(rfc).keys()].sort(bySection)) {
      const { sources, tests } = rfcs.get(rfc).get(section);
      const link = `https://www.rfc-editor.org/rfc/rfc${rfc}.html#${/^\d/.test(section) ? 'section' : 'appendix'}-${section}`;
      lines.push(
        row([`[§${section}](${link})`, sources.map(code).join('<br>'), tests.map(code).join('<br>')]),
      );
    }
  }
  return lines.join('\n');
}

/** `RFC 9000 §8.1`, and what follows with the number left out: `RFC 9000 §8.1, §8.2 and §9`. */
function citations(text) {
  const found = [];
  for (const [, rfc, list] of text.matchAll(
    /RFC (\d{4}) ((?:(?:, | and |–|-|\/)?(?:§|Appendix )[A-Z0-9][A-Z0-9.]*)+)/g,
  )) {
    for (const [, section] of list.matchAll(/(?:§|Appendix )([A-Z0-9](?:[A-Z0-9.]*[A-Z0-9])?)/g))
      found.push({ rfc, section });
  }
  return found;
}

/** 8.1 before 8.1.3 before 8.10, numbers before letters. */
function bySection(a, b) {
  const left = a.split('.');
  const right = b.split('.');
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    if (left[at] === right[at]) continue;
    if (left[at] === undefined) return -1;
    if (right[at] === undefined) return 1;
    const [x, y] = [Number(left[at]), Number(right[at])];
    if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1;
    return Number.isNaN(x) ? (left[at] < right[at] ? -1 : 1) : x - y;
  }
  return 0;
}

async function errorsDocument() {
  const { QUIC_ERRORS, TRANSPORT_ERRORS, TLS_ALERT_NAMES } = await loadErrors();
  const lines = ['# Errors', '', note('the tables in `src/errors.ts`'), ''];
  lines.push(
    'Wrong arguments are `TypeError` or `RangeError` with the codes of Node.js: `ERR_INVALID_ARG_TYPE`,',
    '`ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`. Everything else is a `QuicError` with one of these codes.',
    '',
    '## `QuicError` codes',
    '',
    '`errorCode` is the code on the wire, where there is one; the number is that of the same error in quiche.',
    '',
    '| `code` | Message | `errorCode` | Number |',
    '|---|---|---|---|',
  );
  for (const [name, { message, wire, number }] of Object.entries(QUIC_ERRORS)) {
    lines.push(row([code(name), message, wire === undefined ? '' : hex(wire), number ?? '']));
  }
  lines.push(
    '',
    '## Transport errors',
    '',
    'RFC 9000 §20.1, as CONNECTION_CLOSE carries them.',
    '',
    '| Code | Name | Meaning |',
    '|---|---|---|',
  );
  for (const { code: value, name, description } of TRANSPORT_ERRORS)
    lines.push(row([hex(value), code(name), description]));
  if (TLS_ALERT_NAMES) {
    lines.push(
      '',
      '## CRYPTO_ERROR',
      '',
      'A TLS alert travels as 0x100 plus its number (RFC 9001 §4.8).',
      '',
      '| Code | Alert |',
      '|---|---|',
    );
    for (const [value, name] of Object.entries(TLS_ALERT_NAMES))
      lines.push(row([hex(0x100 + Number(value)), code(name)]));
  }
  return lines.join('\n');
}

/** `src/errors.ts` stands on nothing, so it can be loaded alone without a build. */
async function loadErrors() {
  const source = readFileSync(join(root, 'src/errors.ts'), 'utf8');
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
  });
  const folder = join(root, 'build');
  mkdirSync(folder, { recursive: true });
  const file = join(folder, `.errors-${process.pid}.mjs`);
  writeFileSync(file, outputText);
  try {
    return await import(pathToFileURL(file).href);
  } finally {
    rmSync(file, { force: true });
  }
}

function limitsDocument() {
  const lines = ['# Limits', '', note('the exported constants `MAX_…` and `…_LIMIT` in `src/`'), ''];
  lines.push(
    'What a peer can make this side store or do is bounded by these constants and by options with defaults.',
  );
  /** @type {Map<string, string[]>} */
  const rooms = new Map();
  for (const path of filesBelow('src', (file) => file.endsWith('.ts'))) {
    const room = path.split('/').slice(1, -1).join('/') || path;
    for (const { name, value, comment } of constantsIn(path)) {
      const rows = rooms.get(room) ?? [];
      rows.push(row([code(name), code(value), comment, code(path)]));
      rooms.set(room, rows);
    }
  }
  for (const [room, rows] of [...rooms].sort(([a], [b]) => (a < b ? -1 : 1))) {
    lines.push('', `## ${room}`, '', '| Name | Value | Meaning | File |', '|---|---|---|---|', ...rows);
  }
  return lines.join('\n');
}

function constantsIn(path) {
  const text = readFileSync(join(root, path), 'utf8');
  if (!/\bMAX_|_LIMIT\b/.test(text)) return [];
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  const found = [];
  for (const statement of source.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    if (!statement.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)) continue;
    for (const { name, initializer } of statement.declarationList.declarations) {
      if (!ts.isIdentifier(name) || !/^MAX_|_LIMIT$/.test(name.text) || !initializer) continue;
      const value = initializer.getText(source).replace(/\s+/g, ' ');
      found.push({ name: name.text, value, comment: commentOf(text, statement) });
    }
  }
  return found;
}

/** The comment right in front of a statement, as one line of text. */
function commentOf(text, statement) {
  const range = ts.getLeadingCommentRanges(text, statement.getFullStart())?.at(-1);
  if (!range) return '';
  return text
    .slice(range.pos, range.end)
    .replace(/^\/\*\*?|\*\/$/g, '')
    .replace(/^\s*(\*|\/\/) ?/gm, '')
    .replace(/\s+/g, ' ')
    .trim();
}

function note(sources) {
  return `Made by \`npm run docs:generate\` from ${sources}; not edited by hand.`;
}

function row(cells) {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`;
}

function code(text) {
  return `\`${text}\``;
}

function hex(value) {
  return `0x${value.toString(16).padStart(2, '0')}`;
}
