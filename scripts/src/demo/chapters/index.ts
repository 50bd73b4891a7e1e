import type { Chapter } from '../story.js';
import { delegation } from './delegation.js';
import { federation } from './federation.js';
import { market } from './market.js';
import { money } from './money.js';
import { proof } from './proof.js';
import { ready } from './ready.js';
import { rewards } from './rewards.js';
import { submissions } from './submissions.js';
import { task } from './task.js';
import { validation } from './validation.js';

/** The chapters, in order. */
export const chapters: readonly Chapter[] = [ready, task, submissions, validation, rewards, federation, market, money, proof, delegation];
