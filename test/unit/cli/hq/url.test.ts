import assert from 'node:assert/strict';
import test from 'node:test';
import fc from 'fast-check';
import { parseHqUrl } from '../../../../src/cli/hq/url.ts';

test('a URL is host, port, path and the name of a file', () => {
  const rows: [string, string, number, string, string, string][] = [
    ['hq://localhost', 'localhost', 4433, 'localhost:4433', '/', 'index.html'],
    [
      'HQ://Example.org:1/a/b%20c.txt?x=1#y',
      'Example.org',
      1,
      'example.org:1',
      '/a/b%20c.txt?x=1',
      'b c.txt',
    ],
    ['hq://[::1]:65535/a/', '::1', 65_535, '[::1]:65535', '/a/', 'index.html'],
    ['hq://127.0.0.1:80/..%2f..%2fetc', '127.0.0.1', 80, '127.0.0.1:80', '/..%2f..%2fetc', '.._.._etc'],
    ['hq://h/%00', 'h', 4433, 'h:4433', '/%00', '_'],
    ['hq://h/ä', 'h', 4433, 'h:4433', '/%C3%A4', 'ä'],
  ];
  for (const [text, host, port, authority, path, fileName] of rows) {
    assert.deepEqual(parseHqUrl(text), { text, host, port, authority, path, fileName });
  }
});

test('what is no such URL is refused, with what is allowed', () => {
  const bad = [
    '',
    'localhost',
    'http://h/',
    'hq:/h',
    'hq://',
    'hq:///x',
    'hq://h:0/',
    'hq://h:x/',
    'hq://h:65536/',
    'hq://u:p@h/',
  ];
  for (const text of [...bad, 'hq://[::1/', `hq://h/${'x'.repeat(5000)}`]) {
    assert.throws(
      () => parseHqUrl(text),
      { name: 'CliError', exitCode: 2, message: /hq:\/\/host:port\/path/ },
      text,
    );
  }
});

test('any text is a URL or a CliError, and no name leads out of its folder', () => {
  const texts = fc.oneof(
    fc.string(),
    fc.string().map((path) => `hq://h/${path}`),
    fc.webPath().map((path) => `hq://h${path}`),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const { fileName, path } = parseHqUrl(text);
        assert.ok(!/[/\\\p{Cc}]/u.test(fileName) && !/^\.*$/.test(fileName), fileName);
        assert.match(path, /^\/[\x21-\x7e]*$/);
      } catch (error) {
        assert.equal((error as Error).name, 'CliError', String(error));
      }
    }),
  );
});
