/** Numbered SQL of the embedded event log's own database. */
export const eventLogMigrations = new URL('../src/migrations/event-log/', import.meta.url);

/** Numbered SQL that every consuming service adds to its own migrations: its dead letters. */
export const messagingMigrations = new URL('../src/migrations/service/', import.meta.url);
