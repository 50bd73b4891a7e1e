import { hashOf, manifestWith, SECONDS, Story, UNIT, wallet } from './story.js';

const NODES = ['a', 'b', 'c', 'd', 'e', 'f'].map(wallet);
const STAKES = Object.fromEntries(NODES.map((node) => [node, 50n * UNIT]));

/** Three rounds: one accepted, one voted down with an outlier, one extended after an outage and then void, one of whose slashes is final. */
export function wholeStory(): Story {
  const story = new Story().start(manifestWith({ robustScoreMax: 15 }), 1_000n * UNIT, STAKES).open(STAKES);
  const members = (role: 'proposers' | 'voters'): string[] => story.state.round![role].map(({ node }) => node);
  const vote = (score: 1 | -1): void => {
    const voters = members('voters');
    for (const node of voters) story.commit(node, score);
    for (const node of voters) story.reveal(node, score);
  };
  for (const node of members('proposers')) story.contribute(node);
  story.aggregate(Object.fromEntries(members('proposers').map((node, i) => [node, 1 + i / 4])));
  vote(1);
  story.open(STAKES);
  const [outlier] = members('proposers') as [string];
  for (const node of members('proposers')) story.contribute(node);
  story.aggregate({ [outlier]: 31.5 }, hashOf('second'));
  for (const node of members('voters')) story.commit(node, -1, hashOf('second'));
  for (const node of members('voters')) story.reveal(node, -1, hashOf('second'));
  story.open(STAKES);
  story.nowMs += 60 * SECONDS;
  story.give({ kind: 'close-phase', round: 3, phase: 'contributing', nowMs: story.nowMs });
  story.give({ kind: 'close-phase', round: 3, phase: 'contributing', nowMs: story.nowMs + 30 * SECONDS, caller: wallet('caller') });
  story.give({ kind: 'finalise-slash', caseId: Object.keys(story.state.openSlashes)[1]! });
  story.give({ kind: 'record-export', sha256: hashOf('onnx') });
  return story;
}
