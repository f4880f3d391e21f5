/** The reference of the public names, from their doc comments, into `docs/reference/`: `npm run docs:api`. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Application, TSConfigReader } from 'typedoc';
import { root } from './lib/root.js';

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const entryPoints = Object.values(manifest.exports)
  .flatMap((target) => (typeof target === 'object' ? [target.default] : []))
  .map((path) => join(root, path.replace('./dist/', 'src/').replace(/\.js$/, '.ts')))
  .filter((path) => existsSync(path));

const app = await Application.bootstrapWithPlugins(
  {
    name: `${manifest.name} ${manifest.version}`,
    entryPoints,
    tsconfig: join(root, 'tsconfig.build.json'),
    readme: existsSync(join(root, 'README.md')) ? join(root, 'README.md') : 'none',
    out: join(root, 'docs', 'reference'),
    excludeInternal: true,
    excludePrivate: true,
    includeVersion: true,
    disableGit: true,
    sourceLinkTemplate: '',
    disableSources: true,
    // Other documents are not part of the reference; their links lead nowhere in it.
    validation: { invalidLink: true, notExported: false, notDocumented: false },
  },
  [new TSConfigReader()],
);
const project = await app.convert();
if (!project || app.logger.hasErrors()) {
  console.error('docs-api: the reference was not written, the reasons are above');
  process.exitCode = 1;
} else {
  await app.generateOutputs(project);
}
