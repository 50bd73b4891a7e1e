#!/usr/bin/env node
// npx skein: runs the operator's tool under Node 24; compiles it where it has never been compiled.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { become, build, root } from '../../../../scripts/bin/bootstrap.mjs';

const main = 'libs/clients/cli/dist/main.js';
if (!existsSync(join(root, main))) build();
become(main, process.argv.slice(2));
