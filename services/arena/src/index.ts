export { arenaProjections, arenaPublications, arenaService } from './arena.service.js';
