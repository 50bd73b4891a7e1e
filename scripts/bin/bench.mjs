import { become, build, install } from './bootstrap.mjs';

install();
build();
become('scripts/dist/bench/main.js', process.argv.slice(2));
