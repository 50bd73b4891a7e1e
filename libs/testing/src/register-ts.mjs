// Lets a child process run the sources as they are: `./x.js` in an import is `./x.ts` on disk, packages resolve to their sources
// (condition `source`), and Node strips the types.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      if (!specifier.startsWith('.') || !specifier.endsWith('.js')) throw error;
      return next(`${specifier.slice(0, -3)}.ts`, context);
    }
  },
});
