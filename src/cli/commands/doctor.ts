// `quayside doctor`: which path runs here and why, and what helps where it could be a better one.

import { Command } from 'commander';
import { type Examination, examine } from '../doctor/examine.ts';
import { paint, print } from '../output.ts';

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say which path this machine runs, why, and what would make it faster')
    .option('--json', 'print JSON')
    .action(doctor);
}

async function doctor({ json }: { json?: boolean }): Promise<void> {
  const examination = await examine();
  if (json) print(JSON.stringify(examination, null, 2));
  else show(examination);
}

function show({ version, node, openssl, system, backend, findings }: Examination): void {
  print(`quayside ${version}, Node.js ${node}, OpenSSL ${openssl}, ${system}`);
  print(`backend: ${backend}`);
  print();
  const width = Math.max(...findings.map(({ name }) => name.length));
  for (const { name, good, value, fix } of findings) {
    const sign = good ? paint('green', '✓') : paint('yellow', '!');
    print(`${sign} ${name.padEnd(width)}  ${value}`);
    if (fix !== '') print(`${' '.repeat(width + 4)}${paint('dim', `→ ${fix}`)}`);
  }
}
