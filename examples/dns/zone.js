// A small zone and what it answers. Knows DNS messages and no transport.

import dns from 'dns-packet';

const TTL = 300;
const APEX = 'quay.example';

/** Records by name and type. */
const RECORDS = new Map(
  Object.entries({
    [APEX]: {
      SOA: [
        {
          mname: `ns.${APEX}`,
          rname: `hostmaster.${APEX}`,
          serial: 2026010101,
          refresh: 7200,
          retry: 3600,
          expire: 1209600,
          minimum: TTL,
        },
      ],
      NS: [`ns.${APEX}`],
      A: ['192.0.2.80'],
      AAAA: ['2001:db8::80'],
      MX: [{ preference: 10, exchange: `mail.${APEX}` }],
      TXT: ['served over TCP, TLS and QUIC by one handler'],
    },
    [`ns.${APEX}`]: { A: ['192.0.2.53'], AAAA: ['2001:db8::53'] },
    [`mail.${APEX}`]: { A: ['192.0.2.25'] },
    [`www.${APEX}`]: { CNAME: [APEX] },
    // Longer than a datagram could be.
    [`large.${APEX}`]: { TXT: Array.from({ length: 100 }, (_, i) => `text number ${i} ${'.'.repeat(80)}`) },
  }),
);

/**
 * Answers a message. Gives null for what is no query that could be answered: too short for a header, or a response.
 *
 * @param {Buffer} message without its length
 * @param {{ pads: boolean }} options `pads`: to blocks of 468 bytes (RFC 8467 §4.1), where the transport is encrypted
 * @returns {Buffer | null}
 */
export function answer(message, { pads }) {
  if (message.length < HEADER || (message[2] & 0x80) !== 0) return null;
  const query = decode(message);
  if (query === null) return failure(message, 'FORMERR');
  if (query.opcode !== 'QUERY') return failure(message, 'NOTIMP');
  if (query.questions.length !== 1) return failure(message, 'FORMERR');
  const response = {
    ...respond(query.questions[0]),
    id: query.id,
    type: 'response',
    questions: query.questions,
  };
  const asksForEdns = query.additionals.some(({ type }) => type === 'OPT');
  return asksForEdns ? encodeWithEdns(response, pads) : dns.encode(response);
}

/** Whether a query has the option edns-tcp-keepalive (RFC 7828), which has no place on QUIC. */
export function hasTcpKeepalive(message) {
  const query = decode(message);
  const options = query?.additionals.flatMap((record) => (record.type === 'OPT' ? record.options : [])) ?? [];
  return options.some(({ code }) => code === TCP_KEEPALIVE);
}

function respond({ name, type, class: klass }) {
  const asked = name.toLowerCase();
  const isOurs = asked === APEX || asked.endsWith(`.${APEX}`);
  if (!isOurs || klass !== 'IN') return { flags: rcode('REFUSED'), answers: [], authorities: [] };
  const answers = [];
  let owner = asked;
  let records = RECORDS.get(owner);
  // An alias, unless it is asked for itself (RFC 1034 §3.6.2).
  if (records?.CNAME !== undefined && type !== 'CNAME') {
    answers.push({ name, type: 'CNAME', ttl: TTL, data: records.CNAME[0] });
    owner = records.CNAME[0];
    records = RECORDS.get(owner);
  }
  for (const data of records?.[type] ?? [])
    answers.push({ name: owner === asked ? name : owner, type, ttl: TTL, data });
  const flags = dns.AUTHORITATIVE_ANSWER | (records === undefined ? rcode('NXDOMAIN') : 0);
  // No data, or no such name: the SOA says for how long that may be remembered (RFC 2308 §3).
  const isEmpty = answers.length === 0;
  return { flags, answers, authorities: isEmpty ? [soa()] : [] };
}

function soa() {
  return { name: APEX, type: 'SOA', ttl: TTL, data: RECORDS.get(APEX).SOA[0] };
}

/** The question cannot be trusted, so it is not repeated: a header alone. */
function failure(message, name) {
  const header = Buffer.alloc(HEADER);
  message.copy(header, 0, 0, 2);
  header[2] = 0x80 | (message[2] & 0x79);
  header[3] = rcode(name);
  return header;
}

function encodeWithEdns(response, pads) {
  const withOptions = (options) =>
    dns.encode({
      ...response,
      additionals: [{ name: '.', type: 'OPT', udpPayloadSize: 1232, flags: 0, options }],
    });
  if (!pads) return withOptions([]);
  const { length } = withOptions([{ code: 'PADDING', length: 0 }]);
  return withOptions([{ code: 'PADDING', length: (BLOCK - (length % BLOCK)) % BLOCK }]);
}

function decode(message) {
  try {
    const decoded = dns.decode(message);
    // Bytes after the last record belong to nothing.
    return dns.decode.bytes === message.length ? decoded : null;
  } catch {
    return null;
  }
}

/** RFC 1035 §4.1.1. */
function rcode(name) {
  return { FORMERR: 1, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 }[name];
}

const HEADER = 12;
const BLOCK = 468;
const TCP_KEEPALIVE = 11;
