// The command line as a program of its own, for tests that start it as a child: what bin/quayside.js does, without set-up.

import { main } from '../../src/cli/main.ts';

process.exitCode = await main(process.argv.slice(2));
