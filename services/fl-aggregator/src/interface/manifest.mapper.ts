import type { MessageInitShape } from '@bufbuild/protobuf';
import { Slashing } from '@skein/contracts/federation';
import type { Manifest as ManifestMessage , ManifestSchema} from '@skein/contracts/federation';
import type { ManifestDraft } from '../application/manifest-intake.js';
import type { Manifest } from '../domain/index.js';

const HALF_PPM = 500_000;
const TENTH_PPM = 100_000;
const TOLERANCE_PPM = 50_000;

/** The draft in a request, with defaults where nothing is said. Required messages were checked on the way in. */
export function draftOf(message: ManifestMessage): ManifestDraft {
  const { training, rule, deadlines } = message;
  return {
    title: message.title,
    arenaTask: message.arenaTask,
    forwardSha256: message.forwardSha256,
    publicRowsSha256: message.publicRowsSha256,
    training: {
      localEpochs: training!.localEpochs, batch: training!.batch, learningRate: training!.learningRate, l2: training!.l2,
    },
    rule: { name: rule?.name || 'fedavg', parameters: { ...rule?.parameters } },
    rounds: message.rounds,
    participantsMin: message.participantsMin,
    participantsMax: message.participantsMax,
    proposersPpm: message.proposersPpm || HALF_PPM,
    stakeThreshold: BigInt(message.stakeThresholdUnits),
    slashRatePpm: message.slashRatePpm ?? TENTH_PPM,
    slashing: message.slashing === Slashing.REFERENCE ? 'reference' : 'own-robust-score',
    robustScoreMax: message.robustScoreMax || 15,
    voteTolerancePpm: message.voteTolerancePpm ?? TOLERANCE_PPM,
    examplesMax: message.examplesMax || 1_000_000,
    deadlines: {
      joiningMs: deadlines!.joiningMs,
      contributingMs: deadlines!.contributingMs,
      committingMs: deadlines!.committingMs,
      revealingMs: deadlines!.revealingMs,
    },
  };
}

/** The manifest as the API shows it. */
export function manifestMessage(manifest: Manifest): MessageInitShape<typeof ManifestSchema> {
  const { stakeThreshold, slashing, parameters, rule, ...rest } = manifest;
  return {
    ...rest,
    stakeThresholdUnits: stakeThreshold.toString(),
    slashing: slashing === 'reference' ? Slashing.REFERENCE : Slashing.OWN_ROBUST_SCORE,
    rule: { name: rule.name, parameters: { ...rule.parameters } },
    parameters: parameters.map(({ name, dims }) => ({ name, dims: [...dims] })),
  };
}
