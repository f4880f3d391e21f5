/**
 * Name constraints of an authority against the names of a certificate below it (RFC 5280 §4.2.1.10 and §6.1.4).
 *
 * DNS names, IP addresses and directory names are compared. A constraint of another kind refuses every certificate that
 * has a name of that kind, as RFC 5280 §4.2.1.10 demands of who cannot process it.
 */
import { toHex } from '../util/bytes.ts';
import type { Certificate, NameConstraintLists } from './certificate.ts';
import { DerReader, Tag } from './der.ts';
import type { GeneralName } from './general-names.ts';

/**
 * Most work in one validation, in comparisons of one short name with one short constraint (long ones count by their
 * length). Beyond it the chain is refused.
 */
export const MAX_NAME_COMPARISONS = 100_000;

/** Counts down over one validation, so that huge lists cannot buy much time. */
export interface ComparisonBudget {
  left: number;
}

/** The first name of `certificate` that the constraints forbid, for the message, or `null` if all are allowed. */
export function forbiddenName(
  constraints: NameConstraintLists,
  certificate: Certificate,
  budget: ComparisonBudget,
): string | null {
  for (const name of namesOf(certificate)) {
    for (const constraint of constraints.excluded) {
      if (!spend(budget, name, constraint)) return 'too many names';
      if (constraint.kind === name.kind && within(name, constraint, true) !== false) return describe(name);
    }
    if (constraints.permitted === null) continue;
    let constrained = false;
    let permitted = false;
    for (const constraint of constraints.permitted) {
      if (!spend(budget, name, constraint)) return 'too many names';
      if (constraint.kind !== name.kind) continue;
      constrained = true;
      if (within(name, constraint, false) === true) permitted = true;
    }
    if (constrained && !permitted) return describe(name);
  }
  return null;
}

function spend(budget: ComparisonBudget, name: GeneralName, constraint: GeneralName): boolean {
  budget.left -= 1 + ((name.value.length + constraint.value.length) >> 6);
  return budget.left >= 0;
}

/** The alternative names and the subject. An address in the subject counts as mail address (RFC 5280 §4.2.1.10). */
function namesOf(certificate: Certificate): GeneralName[] {
  const names = [...certificate.alternativeNames];
  if (certificate.subject.length > 2) {
    names.push({ kind: 'directory', value: certificate.subject });
    if (toHex(certificate.subject).includes(EMAIL_ATTRIBUTE))
      names.push({ kind: 'email', value: 'in the subject' });
  }
  return names;
}

/** `null`: cannot be told. */
function within(name: GeneralName, constraint: GeneralName, excluding: boolean): boolean | null {
  if (name.kind === 'dns' && constraint.kind === 'dns')
    return dnsWithin(name.value, constraint.value, excluding);
  if (name.kind === 'ip' && constraint.kind === 'ip') return ipWithin(name.value, constraint.value);
  if (name.kind === 'directory' && constraint.kind === 'directory') {
    return directoryWithin(name.value, constraint.value);
  }
  return null;
}

/** RFC 5280 §4.2.1.10: the constraint itself and every name made by adding labels to its left. */
function dnsWithin(name: string, constraint: string, excluding: boolean): boolean {
  const lower = name.toLowerCase();
  // A leading dot is not of the RFC, but in use: at least one more label.
  const base = constraint.toLowerCase();
  if (base === '') return true;
  const suffix = base.startsWith('.') ? base : `.${base}`;
  if (lower === base || lower.endsWith(suffix)) return true;
  // A wildcard stands for names that may be excluded one by one: *.example.com and foo.example.com.
  return excluding && lower.startsWith('*.') && suffix.slice(suffix.indexOf('.', 1)) === lower.slice(1);
}

function ipWithin(address: Uint8Array, constraint: Uint8Array): boolean | null {
  const size = address.length;
  if ((size !== 4 && size !== 16) || (constraint.length !== 8 && constraint.length !== 32)) return null;
  if (constraint.length !== size * 2) return false;
  for (let i = 0; i < size; i++) {
    if (((address[i] ^ constraint[i]) & constraint[size + i]) !== 0) return false;
  }
  return true;
}

/** RFC 5280 §7.1: a name is within another if it begins with the same relative names. */
function directoryWithin(name: Uint8Array, constraint: Uint8Array): boolean {
  const wanted = relativeNames(constraint);
  const found = relativeNames(name);
  return wanted.length <= found.length && wanted.every((part, i) => part === found[i]);
}

/** Each relative distinguished name in a form in which case, spaces and the kind of string do not count. */
function relativeNames(name: Uint8Array): string[] {
  const list = new DerReader(name).enter();
  const result: string[] = [];
  while (!list.done) {
    const set = list.enter(Tag.SET);
    const attributes: string[] = [];
    while (!set.done) {
      const attribute = set.enter();
      const type = toHex(attribute.value(Tag.OBJECT_IDENTIFIER));
      const tag = attribute.tag;
      const value = attribute.value();
      const text = Buffer.from(value).toString(tag === 0x0c ? 'utf8' : 'latin1');
      attributes.push(`${type}=${text.normalize('NFKC').trim().replace(/\s+/g, ' ').toLowerCase()}`);
    }
    result.push(attributes.sort().join('+'));
  }
  return result;
}

function describe(name: GeneralName): string {
  if (typeof name.value === 'string') return `${name.kind} ${name.value}`;
  if (name.kind === 'ip') return `ip ${toHex(name.value)}`;
  return `the ${name.kind} name`;
}

/** 1.2.840.113549.1.9.1, emailAddress. */
const EMAIL_ATTRIBUTE = '06092a864886f70d010901';
