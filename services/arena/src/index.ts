export { arenaProjections, arenaService } from './arena.service.js';
