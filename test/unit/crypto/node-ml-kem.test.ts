/** The two implementations of ML-KEM-768 against each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CIPHERTEXT_BYTES,
  type MlKem,
  mlKem,
  ofLibrary,
  ofRuntime,
} from '../../../src/crypto/node-ml-kem.ts';
import { seededRandom } from '../../../src/crypto/random.ts';

const seed = new Uint8Array(64).map((_, at) => at);
const skip = ofRuntime() === null ? 'this runtime has no ML-KEM' : false;

function exchange(client: MlKem, server: MlKem): void {
  const pair = client.keyPair(seed);
  const { ciphertext, secret } = server.encapsulate(pair.encapsulationKey, seededRandom('m'));
  assert.equal(ciphertext.length, CIPHERTEXT_BYTES);
  assert.deepEqual(pair.decapsulate(ciphertext), secret);
  const damaged = ciphertext.slice();
  damaged[7] ^= 1;
  assert.notDeepEqual(pair.decapsulate(damaged), secret);
}

function library(): MlKem {
  const found = ofLibrary();
  assert.ok(found, '@noble/post-quantum is among the development dependencies');
  return found;
}

test('C23 FIPS 203 the library agrees with itself, and a seeded run makes the same answer again', () => {
  exchange(library(), library());
  const { encapsulationKey } = library().keyPair(seed);
  const answer = () => library().encapsulate(encapsulationKey, seededRandom('m'));
  assert.deepEqual(answer(), answer());
  assert.ok(mlKem());
});

test('C23 FIPS 203 the runtime and the library make the same keys of a seed and understand each other', {
  skip,
}, () => {
  const runtime = ofRuntime();
  assert.ok(runtime);
  assert.deepEqual(runtime.keyPair(seed).encapsulationKey, library().keyPair(seed).encapsulationKey);
  exchange(runtime, library());
  exchange(library(), runtime);
  exchange(runtime, runtime);
});
