/**
 * The floors of the house as data, and the check of one source file against them. A file may import from lower floors
 * and from its own room, never from a neighbour on its floor.
 */
import { posix } from 'node:path';
import ts from 'typescript';

/** Room → floor. */
export const FLOORS = {
  cli: 12,
  group: 11,
  workers: 10,
  metrics: 10,
  listener: 9,
  client: 9,
  runtime: 8,
  routing: 7,
  udp: 7,
  pki: 7,
  sim: 7,
  connection: 6,
  tls: 5,
  recovery: 5,
  crypto: 4,
  trace: 3,
  wire: 2,
  util: 1,
};

/** Files outside of rooms that stand on a floor. Every other file directly in `src/` is an entry and only re-exports. */
export const FLOOR_OF_FILE = { 'src/errors.ts': 1 };

/** What a room may import from its own floor all the same: whole rooms, or single files. */
export const NEIGHBOURS = { sim: ['src/routing/', 'src/udp/socket.ts'] };

/** Rooms that see the library from outside: entry files and what is listed, nothing else. */
export const OUTSIDERS = {
  cli: [],
  workers: [
    'src/errors.ts',
    'src/wire/varint.ts',
    'src/wire/reader.ts',
    'src/wire/writer.ts',
    // Public names, from their rooms: the entry that has them exports the `listen` of this room.
    'src/listener/listener.ts',
    'src/listener/listen.ts',
    'src/routing/replay-store.ts',
  ],
};

/** Below this floor there is no platform: no modules of Node.js, no packages, no clock, timers, randomness, environment. */
export const PLATFORM_FLOOR = 7;

/** The one exception below it: the crypto provider over `node:crypto`. */
export const PLATFORM_FILES = /^src\/crypto\/node-[^/]+\.ts$/;

/** Globals that bring in the platform. */
export const PLATFORM_GLOBALS = new Set([
  'Buffer',
  'Date',
  'clearImmediate',
  'clearInterval',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'global',
  'globalThis',
  'performance',
  'process',
  'queueMicrotask',
  'require',
  'setImmediate',
  'setInterval',
  'setTimeout',
]);

/**
 * @param {string} path relative to the root, as in `src/wire/reader.ts`
 * @param {string} text
 * @returns {string[]} what is wrong, each as `path:line message`
 */
export function checkFile(path, text) {
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true);
  /** @type {string[]} */
  const faults = [];
  const place = placeOf(path);
  const fault = (node, message) => {
    const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
    faults.push(`${path}:${line + 1} ${message}`);
  };

  if (place.unknown) return [`${path}:1 is in no room that scripts/lib/floors.js knows`];
  if (place.entry) {
    for (const statement of source.statements) {
      if (!ts.isExportDeclaration(statement) || !statement.moduleSpecifier) {
        fault(statement, 'an entry file only re-exports');
      }
    }
  }
  const pure = !place.entry && place.floor < PLATFORM_FLOOR && !PLATFORM_FILES.test(path);
  const declared = pure ? declaredNames(source) : new Set();
  visit(source);
  return faults;

  /** @param {ts.Node} node */
  function visit(node) {
    const specifier = importedModule(node);
    if (specifier) {
      const message = judgeImport(path, place, specifier.text, pure);
      if (message) fault(specifier, message);
    }
    if (pure && ts.isIdentifier(node) && isReference(node)) {
      if (PLATFORM_GLOBALS.has(node.text) && !declared.has(node.text)) {
        fault(node, `uses ${node.text}: below floor ${PLATFORM_FLOOR} the platform is an input`);
      }
      if (
        node.text === 'Math' &&
        ts.isPropertyAccessExpression(node.parent) &&
        node.parent.name.text === 'random'
      ) {
        fault(node, `uses Math.random: below floor ${PLATFORM_FLOOR} randomness is an input`);
      }
    }
    ts.forEachChild(node, visit);
  }
}

/**
 * @typedef {{ entry: boolean, room: string | null, floor: number, unknown: boolean }} Place
 * @param {string} path
 * @returns {Place}
 */
function placeOf(path) {
  if (Object.hasOwn(FLOOR_OF_FILE, path)) {
    return { entry: false, room: null, floor: FLOOR_OF_FILE[path], unknown: false };
  }
  const parts = path.split('/');
  if (parts.length === 2) return { entry: true, room: null, floor: Number.POSITIVE_INFINITY, unknown: false };
  const room = parts[1];
  return { entry: false, room, floor: FLOORS[room], unknown: !Object.hasOwn(FLOORS, room) };
}

/** What is wrong with an import, or null. */
function judgeImport(path, place, specifier, pure) {
  if (!specifier.startsWith('.')) {
    if (place.entry) return `imports ${specifier}: an entry file re-exports rooms only`;
    if (pure)
      return `imports ${specifier}: below floor ${PLATFORM_FLOOR} there are no modules of Node.js and no packages`;
    return null;
  }
  const target = posix.normalize(posix.join(posix.dirname(path), specifier));
  if (!target.startsWith('src/')) return `imports ${specifier}, which is outside of src/`;
  const there = placeOf(target);
  if (there.unknown) return `imports ${target}, which is in no known room`;
  if (place.entry)
    return there.entry ? `imports ${target}: an entry file re-exports rooms, not entries` : null;
  if (place.room !== null && place.room === there.room) return null;
  const outside = place.room === null ? undefined : OUTSIDERS[place.room];
  if (outside) {
    if (there.entry || outside.includes(target)) return null;
    return `imports ${target}: ${place.room}/ uses the entry files only`;
  }
  if (there.entry)
    return `imports the entry file ${target}: only ${Object.keys(OUTSIDERS).join(' and ')} may`;
  if (there.floor < place.floor) return null;
  const allowed = place.room === null ? undefined : NEIGHBOURS[place.room];
  if (allowed?.some((start) => target === start || (start.endsWith('/') && target.startsWith(start))))
    return null;
  const relation = there.floor === place.floor ? 'a neighbour on the same floor' : 'a higher floor';
  return `imports ${target}: floor ${there.floor} is ${relation} (this file is on floor ${place.floor})`;
}

/** The string that a node imports from, in every form TypeScript has. @param {ts.Node} node */
function importedModule(node) {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
    return ts.isStringLiteral(node.moduleSpecifier) ? node.moduleSpecifier : null;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return node.arguments[0] && ts.isStringLiteralLike(node.arguments[0]) ? node.arguments[0] : null;
  }
  if (
    ts.isImportTypeNode(node) &&
    ts.isLiteralTypeNode(node.argument) &&
    ts.isStringLiteral(node.argument.literal)
  ) {
    return node.argument.literal;
  }
  return null;
}

/** Whether an identifier stands for a value or a type, not for a property or a name being declared. @param {ts.Identifier} node */
function isReference(node) {
  const { parent } = node;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent)) return parent.left === node;
  if (ts.isPropertyAssignment(parent)) return parent.initializer === node;
  if ('name' in parent && parent.name === node) return ts.isShorthandPropertyAssignment(parent);
  return !ts.isBindingElement(parent) || parent.propertyName !== node;
}

/** Names that the file declares itself, as parameters, variables, functions, imports. @param {ts.SourceFile} source */
function declaredNames(source) {
  const names = new Set();
  (function visit(/** @type {ts.Node} */ node) {
    const declares =
      ts.isVariableDeclaration(node) ||
      ts.isParameter(node) ||
      ts.isBindingElement(node) ||
      ts.isFunctionDeclaration(node) ||
      ts.isClassDeclaration(node) ||
      ts.isImportSpecifier(node);
    if (declares && node.name && ts.isIdentifier(node.name)) names.add(node.name.text);
    ts.forEachChild(node, visit);
  })(source);
  return names;
}
