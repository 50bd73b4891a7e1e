/** A revealed and admitted submission as the judge of copies sees it. */
export interface JudgedCommit {
  readonly submissionId: string;
  readonly owner: string;
  readonly artifactSha256: string;
}

/** Bytes that some wallet committed to in an earlier epoch. */
export interface KnownArtifact {
  readonly sha256: string;
  readonly owner: string;
}

/**
 * Judges copies in commit order, whoever revealed first: the ids of submissions whose bytes another wallet committed to
 * earlier, in this epoch or before. A wallet may submit its own bytes again.
 */
export function findCopies(inCommitOrder: readonly JudgedCommit[], known: readonly KnownArtifact[]): Set<string> {
  const firstOwner = new Map<string, string>();
  for (const { sha256, owner } of known) if (!firstOwner.has(sha256)) firstOwner.set(sha256, owner);
  const copies = new Set<string>();
  for (const { submissionId, owner, artifactSha256 } of inCommitOrder) {
    const first = firstOwner.get(artifactSha256);
    if (first === undefined) firstOwner.set(artifactSha256, owner);
    else if (first !== owner) copies.add(submissionId);
  }
  return copies;
}
