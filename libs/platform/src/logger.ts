export type { Logger } from '@skein/telemetry';
