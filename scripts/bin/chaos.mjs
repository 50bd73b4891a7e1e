import { become, build, install } from './bootstrap.mjs';

install();
build();
become('scripts/dist/chaos/main.js', process.argv.slice(2));
