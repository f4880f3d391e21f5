import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Certificate, type NameConstraintLists } from '../../../src/pki/certificate.ts';
import { makeCertificateSync } from '../../../src/pki/certificate-builder.ts';
import { forbiddenName, MAX_NAME_COMPARISONS } from '../../../src/pki/name-constraints.ts';
import { makeTestAuthority, makeTestIdentity } from '../../support/certificates.ts';

function allowed(
  rules: { permitted?: string[]; excluded?: string[] },
  names: readonly string[],
  subject = '',
): boolean {
  const authority = Certificate.parse(makeTestAuthority({ nameConstraints: rules }).der);
  const leaf = Certificate.parse(makeTestIdentity({ names, subject }).der);
  const lists = authority.nameConstraints;
  assert.ok(lists !== null);
  return forbiddenName(lists, leaf, { left: MAX_NAME_COMPARISONS }) === null;
}

describe('RFC 5280 §4.2.1.10 name constraints', () => {
  const TABLE: readonly (readonly [string, string, boolean])[] = [
    ['example.com', 'example.com', true],
    ['example.com', 'a.b.example.com', true],
    ['example.com', 'EXAMPLE.com', true],
    ['example.com', 'badexample.com', false],
    ['example.com', 'example.org', false],
    ['example.com', '*.example.com', true],
    ['a.example.com', '*.example.com', false],
    ['dns:.example.com', 'www.example.com', true],
    ['dns:.example.com', 'example.com', false],
    ['dns:', 'anything.test', true],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['2001:db8::/32', '2001:db8:1::1', true],
    ['2001:db8::/32', '2001:db9::1', false],
    ['10.0.0.0/8', '::1', false],
    ['0.0.0.0/0', '1.2.3.4', true],
  ];
  for (const [permitted, name, expected] of TABLE) {
    it(`permitted ${permitted} ${expected ? 'allows' : 'forbids'} ${name}`, () => {
      assert.equal(allowed({ permitted: [permitted] }, [name]), expected);
    });
    // What a permitted subtree allows, an excluded one forbids, and the other way round.
    if (name.startsWith('*') || permitted.includes('*')) continue;
    it(`excluded ${permitted} ${expected ? 'forbids' : 'allows'} ${name}`, () => {
      assert.equal(allowed({ excluded: [permitted] }, [name]), !expected);
    });
  }

  it('forbids a wildcard that reaches an excluded name', () => {
    assert.equal(allowed({ excluded: ['secret.example.com'] }, ['*.example.com']), false);
    assert.equal(allowed({ excluded: ['example.com'] }, ['*.example.com']), false);
    assert.equal(allowed({ excluded: ['secret.other.com'] }, ['*.example.com']), true);
  });

  it('needs every name permitted, and lets kinds pass that have no constraint', () => {
    assert.equal(allowed({ permitted: ['example.com'] }, ['example.com', 'example.org']), false);
    assert.equal(allowed({ permitted: ['example.com'] }, ['example.com', '10.0.0.1']), true);
    assert.equal(allowed({ permitted: ['a.test', 'b.test'] }, ['x.b.test']), true);
  });

  it('lets an exclusion win over a permission', () => {
    assert.equal(
      allowed({ permitted: ['example.com'], excluded: ['a.example.com'] }, ['b.a.example.com']),
      false,
    );
  });

  it('forbids names of kinds that cannot be compared, if there is a constraint on that kind', () => {
    assert.equal(allowed({ permitted: ['email:example.com'] }, ['a@example.com']), false);
    assert.equal(allowed({ excluded: ['email:example.org'] }, ['a@example.com']), false);
    assert.equal(allowed({ excluded: ['uri:example.org'] }, ['https://example.com/']), false);
    assert.equal(allowed({ excluded: ['email:example.org'] }, ['example.com']), true);
  });

  it('RFC 5280 §7.1 compares directory names without regard to case and spaces', () => {
    const lists = (kind: 'permitted' | 'excluded', text: string): NameConstraintLists => {
      const name = {
        kind: 'directory' as const,
        value: Certificate.parse(makeCertificateSync({ subject: text }).der).subject,
      };
      return kind === 'permitted'
        ? { permitted: [name], excluded: [] }
        : { permitted: null, excluded: [name] };
    };
    const leaf = Certificate.parse(makeCertificateSync({ subject: 'Some  Service ' }).der);
    const nobody = Certificate.parse(makeCertificateSync({ subject: '' }).der);
    const forbidden = (constraints: NameConstraintLists, certificate = leaf): boolean =>
      forbiddenName(constraints, certificate, { left: 1000 }) !== null;
    assert.equal(forbidden(lists('permitted', 'some service')), false);
    assert.equal(forbidden(lists('permitted', 'other service')), true);
    assert.equal(forbidden(lists('permitted', '')), false);
    assert.equal(forbidden(lists('excluded', 'SOME SERVICE')), true);
    assert.equal(forbidden(lists('excluded', 'other service')), false);
    assert.equal(forbidden(lists('permitted', 'other service'), nobody), false);
  });

  it('forbids everything when the work gets too much', () => {
    const constraints: NameConstraintLists = {
      permitted: null,
      excluded: [{ kind: 'dns', value: 'x.test' }],
    };
    const leaf = Certificate.parse(makeTestIdentity({ names: ['a.test', 'b.test', 'c.test'] }).der);
    assert.equal(forbiddenName(constraints, leaf, { left: 10 }), null);
    assert.equal(forbiddenName(constraints, leaf, { left: 2 }), 'too many names');
  });

  it('compares masks bit by bit and refuses addresses of odd length', () => {
    const leaf = Certificate.parse(makeTestIdentity({ names: ['10.7.5.1'], subject: '' }).der);
    const ip = (value: readonly number[]): NameConstraintLists => ({
      permitted: [{ kind: 'ip', value: Uint8Array.from(value) }],
      excluded: [],
    });
    assert.equal(forbiddenName(ip([10, 0, 5, 0, 255, 0, 255, 0]), leaf, { left: 9 }), null);
    assert.notEqual(forbiddenName(ip([10, 0, 6, 0, 255, 0, 255, 0]), leaf, { left: 9 }), null);
    assert.notEqual(forbiddenName(ip([10, 0, 5, 0]), leaf, { left: 9 }), null);
    const excluded = { permitted: null, excluded: ip([1, 2, 3]).permitted ?? [] };
    assert.notEqual(forbiddenName(excluded, leaf, { left: 9 }), null);
  });
});
