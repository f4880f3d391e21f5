/** A test that replays from its seed: names the seed when it fails, and takes another from QUAYSIDE_SEED. */
import test from 'node:test';

const { QUAYSIDE_SEED, QUAYSIDE_SEEDS } = process.env;

export function scenario(title: string, run: (seed: number) => void, seed = 1): void {
  test(title, () => {
    const chosen = Number(QUAYSIDE_SEED ?? seed);
    withSeed(chosen, run);
  });
}

/** Runs once and puts the seed into the message of what is thrown. */
export function withSeed(seed: number, run: (seed: number) => void): void {
  try {
    run(seed);
  } catch (error) {
    if (error instanceof Error) {
      error.message = `${error.message}\nReplay with QUAYSIDE_SEED=${seed}`;
    }
    throw error;
  }
}

/** How many seeds the tests over many seeds take: QUAYSIDE_SEEDS, default 50. With QUAYSIDE_SEED that one alone. */
export function seeds(): number[] {
  if (QUAYSIDE_SEED !== undefined) return [Number(QUAYSIDE_SEED)];
  const count = Number(QUAYSIDE_SEEDS ?? 50);
  return Array.from({ length: count }, (_, i) => i + 1);
}
