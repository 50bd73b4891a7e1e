import { become, build, install } from './bootstrap.mjs';

install();
build();
become('deploy/cluster/dist/main.js', process.argv.slice(2));
