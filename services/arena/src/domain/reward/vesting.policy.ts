/** Linear vesting, floored and capped; a duration of 0 vests at once. Before the start nothing has vested. */
export function vested(amountUnits: bigint, elapsedMs: number, durationMs: number): bigint {
  if (elapsedMs < 0) return 0n;
  if (elapsedMs >= durationMs) return amountUnits;
  return (amountUnits * BigInt(Math.floor(elapsedMs))) / BigInt(durationMs);
}

/** The delegators' part is funded in equal parts per epoch over the same time: what has been funded after whole epochs. */
export function fundedByEpochs(amountUnits: bigint, elapsedMs: number, durationMs: number, epochMs: number): bigint {
  if (elapsedMs >= durationMs) return amountUnits;
  const epochs = Math.max(1, Math.ceil(durationMs / epochMs));
  const passed = Math.floor(Math.max(0, elapsedMs) / epochMs);
  return (amountUnits * BigInt(passed)) / BigInt(epochs);
}
