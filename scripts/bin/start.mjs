import { become, build, install } from './bootstrap.mjs';

install();
build();
become('deploy/all-in-one/dist/main.js', process.argv.slice(2));
