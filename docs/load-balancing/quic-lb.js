// For nginx with the stream module and njs (0.7.9 or later): the server id in the connection id of a client's first datagram.
// Set these four as the servers have them; see docs/load-balancing.md.
const SERVER_ID_LENGTH = 8;
const NONCE_LENGTH = 7;
const ROTATION = 0;
const KEY = ''; // 32 hexadecimal digits, or empty for server ids in the clear

const SIZE = SERVER_ID_LENGTH + NONCE_LENGTH;
const HALF = (SIZE + 1) >> 1;
const IS_ODD = SIZE % 2 === 1;
const ZERO = new Uint8Array(16);
let aes = null;

function preread(session) {
  // The event "upstream" gives bytes.
  session.on('upstream', async function (datagram) {
    session.off('upstream');
    const isLong = datagram[0] & 0x80;
    const at = isLong ? 6 : 1;
    const length = isLong ? datagram[5] : 1 + SIZE;
    if (length > SIZE && datagram.length > at + SIZE && datagram[at] >> 5 === ROTATION) {
      const id = datagram.slice(at + 1, at + 1 + SIZE);
      const plain = KEY === '' ? id : await decrypt(id);
      session.variables.quic_server_id = plain.slice(0, SERVER_ID_LENGTH).toString('hex');
    }
    session.done();
  });
}

// This njs takes no await inside of an expression.
async function decrypt(id) {
  if (aes === null) {
    aes = await crypto.subtle.importKey('raw', Buffer.from(KEY, 'hex'), { name: 'AES-CBC' }, false, ['encrypt', 'decrypt']);
  }
  if (SIZE === 16) {
    const one = await singlePass(id);
    return one;
  }
  const four = await fourPass(id);
  return four;
}

// One block: WebCrypto wants a padding block after it, which the encryption of nothing with the first block as IV makes.
async function singlePass(id) {
  const padding = await crypto.subtle.encrypt({ name: 'AES-CBC', iv: id }, aes, new Uint8Array(0));
  const plain = await crypto.subtle.decrypt({ name: 'AES-CBC', iv: ZERO }, aes, Buffer.concat([id, Buffer.from(padding)]));
  return Buffer.from(plain);
}

async function fourPass(id) {
  const left = new Uint8Array(HALF);
  const right = new Uint8Array(HALF);
  for (let i = 0; i < HALF; i++) {
    left[i] = id[i];
    right[i] = id[SIZE - HALF + i];
  }
  if (IS_ODD) {
    left[HALF - 1] &= 0xf0;
    right[0] &= 0x0f;
  }
  await pass(4, right, left);
  await pass(3, left, right);
  await pass(2, right, left);
  await pass(1, left, right);
  const plain = Buffer.alloc(SIZE);
  for (let i = 0; i < HALF; i++) plain[i] = left[i];
  for (let i = 0; i < HALF; i++) plain[SIZE - HALF + i] |= right[i];
  return plain;
}

// Even passes change the left half. Of an odd byte in the middle each half has 4 bits.
async function pass(number, from, to) {
  const block = new Uint8Array(16);
  for (let i = 0; i < HALF; i++) block[i] = from[i];
  block[14] = SIZE;
  block[15] = number;
  const encrypted = await crypto.subtle.encrypt({ name: 'AES-CBC', iv: ZERO }, aes, block);
  const stream = new Uint8Array(encrypted);
  for (let i = 0; i < HALF; i++) to[i] ^= stream[i];
  if (IS_ODD) {
    if (number % 2 === 0) to[HALF - 1] &= 0xf0;
    else to[0] &= 0x0f;
  }
}

export default { preread };
