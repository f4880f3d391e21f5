/**
 * The capabilities and the tests that show them: `npm run checklist [L|C|G|an id …]`. A star marks an id without a test where
 * there should be one: because it is said to be done, or because its area is. Then the exit code is 1.
 */
import { needsTest, readCapabilities, readStates, readTests } from './lib/capabilities.js';

const wanted = process.argv.slice(2).map((word) => word.toUpperCase());
const wrong = wanted.find((word) => !/^[LCG]\d*$/.test(word));
if (wrong !== undefined) {
  console.error(`checklist: "${wrong}" is neither an area (L, C, G) nor an id such as C41`);
  process.exitCode = 2;
} else {
  const capabilities = readCapabilities();
  const states = readStates(capabilities);
  const tests = readTests();
  const chosen = capabilities.filter(
    ({ id }) => wanted.length === 0 || wanted.some((word) => word === id || word === id[0]),
  );
  if (chosen.length === 0) {
    console.error(`checklist: there is no capability ${wanted.join(', ')}`);
    process.exitCode = 2;
  }
  const untested = [];
  for (const { id } of chosen) {
    const { state, lacks } = states.get(id);
    const shown = tests.get(id) ?? [];
    const lacksTests = needsTest(id, state) && shown.length === 0;
    if (lacksTests) untested.push(id);
    const mark = lacksTests ? '*' : ' ';
    const lines = shown.map(({ file, title }) => `${file} › ${title}`);
    console.log(
      `${id.padEnd(5)}${mark}${state.padEnd(8)} ${lines[0] ?? '-'}${lacks ? `  (lacks: ${lacks})` : ''}`,
    );
    for (const line of lines.slice(1)) console.log(`${' '.repeat(15)}${line}`);
  }
  const count = (name) => chosen.filter(({ id }) => states.get(id).state === name).length;
  const covered = chosen.filter(({ id }) => tests.has(id)).length;
  console.log(
    `\n${chosen.length} capabilities: ${count('done')} done, ${count('partial')} partial, ${count('missing')} missing, ` +
      `${count('later')} later; ${covered} with tests`,
  );
  if (untested.length > 0) {
    console.error(`checklist: no test shows ${untested.join(', ')}`);
    process.exitCode = 1;
  }
}
