/** For the ids of spans. */
export { systemRandom as random } from '@skein/kernel';
