import { sha256, sha256Hex, bytesToHex, concatBytes, utf8 } from '@skein/kernel';
import type { SubmissionService } from '@skein/contracts/arena';
import { uploadArtifact, withRetry, type Client, type RestOptions } from '@skein/sdk';
import { commitmentOf } from './commitment.js';

/** What a competitor needs: its wallet, typed clients, where artifacts go, keys for commands, a secret for its salts. */
export interface CompetitorOptions {
  /** CAIP-10. */
  readonly wallet: string;
  readonly submissions: Client<typeof SubmissionService>;
  readonly rest: RestOptions;
  /** UUID of a command by its label: the same label must give the same UUID, so that a repeated run repeats its keys. */
  readonly requestId: (label: string) => string;
  readonly saltSecret: string;
}

/** A commit that was taken. */
export interface Entry {
  /** `tasks/{uuid}/submissions/{uuid}`. */
  readonly name: string;
  readonly epoch: number;
  readonly order: number;
  readonly model: Uint8Array;
  readonly salt: string;
}

const UPLOAD_RETRY = { timeoutMs: 60_000 };

/** A training node's side of commit and reveal. Every step may be repeated after a crash with the same effect. */
export class Competitor {
  private readonly options: CompetitorOptions;

  constructor(options: CompetitorOptions) {
    this.options = options;
  }

  /** Commits to a model in an epoch; nobody learns more than a hash. */
  async commit(task: string, epoch: number, model: Uint8Array): Promise<Entry> {
    const { wallet, submissions, requestId, saltSecret } = this.options;
    const salt = bytesToHex(sha256(concatBytes(utf8(`skein/trainer/salt/${saltSecret}/${task}/${epoch}`))));
    const commit = commitmentOf({ task, epoch, owner: wallet, artifactSha256: sha256Hex(model), salt });
    const { name, order } = await submissions.commitSubmission({ requestId: requestId(`commit/${epoch}`), task, epoch, commit });
    return { name, epoch, order, model, salt };
  }

  /** Uploads the model and opens the commit. Returns the submission's status. */
  async reveal(entry: Entry): Promise<string> {
    const { submissions, rest, requestId } = this.options;
    const artifactSha256 = await withRetry(() => uploadArtifact(rest, 'arena', entry.model), UPLOAD_RETRY);
    const { status } = await submissions.revealSubmission({ requestId: requestId(`reveal/${entry.epoch}`), name: entry.name, artifactSha256, salt: entry.salt });
    return status;
  }

  /** Says that nothing more will come in this epoch. */
  async done(task: string, epoch: number): Promise<void> {
    await this.options.submissions.markDone({ requestId: this.options.requestId(`done/${epoch}`), task, epoch });
  }
}

