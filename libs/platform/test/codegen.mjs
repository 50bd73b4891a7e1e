// Regenerates test/gen from test/proto (imports included, so that the tests' descriptors stand alone):
//   node libs/platform/test/codegen.mjs
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = join(here, '../../..');
const work = mkdtempSync(join(tmpdir(), 'skein-codegen-'));
try {
  for (const dir of ['google/api', 'skein/common']) cpSync(join(root, 'proto', dir), join(work, dir), { recursive: true });
  cpSync(join(here, 'proto'), work, { recursive: true });
  const plugin = { local: join(root, 'node_modules/.bin/protoc-gen-es'), out: join(here, 'gen'), opt: ['target=ts', 'import_extension=js'], strategy: 'all', include_imports: true };
  const template = JSON.stringify({ version: 'v2', clean: true, plugins: [plugin] });
  execFileSync(join(root, 'node_modules/.bin/buf'), ['generate', '--template', template, '--path', 'skein/test'], { cwd: work, stdio: 'inherit' });
} finally {
  rmSync(work, { recursive: true, force: true });
}
