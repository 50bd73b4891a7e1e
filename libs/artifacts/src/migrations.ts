/** Numbered SQL that a service with artifacts adds to its own migrations. */
export const artifactsMigrations = new URL('../src/migrations/', import.meta.url);
