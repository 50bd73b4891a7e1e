import { ok } from '@skein/kernel';
import type { Decider } from '@skein/kernel';
import type { FederationCommand } from './federation.commands.js';
import type { FederationEvent } from './federation.events.js';
import { evolve, initialState } from './federation.state.js';
import type { FederationState } from './federation.state.js';
import { approve, closeJoining, join, openRound, propose, recordExport } from './membership.decisions.js';
import { finaliseSlash } from './slash.decisions.js';
import { closeRoundPhase, commitVote, contribute, recordAggregate, revealVote } from './round.decisions.js';

/** One federated task and its rounds. Money, membership and rounds share the stream, so a settlement is one atomic decision, in order. */
export const federationDecider: Decider<FederationState, FederationCommand, FederationEvent> = {
  initialState,
  evolve,
  decide(command, state) {
    switch (command.kind) {
      case 'propose':
        return propose(command, state);
      case 'approve':
        return approve(command, state);
      case 'join':
        return join(command, state);
      case 'open-round':
        return openRound(command, state);
      case 'contribute':
        return contribute(command, state);
      case 'record-aggregate':
        return recordAggregate(command, state);
      case 'commit-vote':
        return commitVote(command, state);
      case 'reveal-vote':
        return revealVote(command, state);
      case 'close-phase':
        if (command.phase === 'joining') return closeJoining(command, state);
        return state.round ? closeRoundPhase(command, state) : ok([]);
      case 'record-export':
        return recordExport(command, state);
      case 'finalise-slash':
        return finaliseSlash(command, state);
    }
  },
};

/** Stream of a federated task. */
export const federationStream = (taskId: string): string => `federation-${taskId}`;
