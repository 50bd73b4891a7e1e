export { topics } from './gen/topics.js';
