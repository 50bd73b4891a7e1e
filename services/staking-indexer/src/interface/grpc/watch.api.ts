import type { MessageInitShape } from '@bufbuild/protobuf';
import { Inject, Injectable } from '@nestjs/common';
import { StakingService, type PositionUpdateSchema, type WatchPositionsRequest } from '@skein/contracts/staking';
import type { EventStore } from '@skein/events';
import { canonicalWallet } from '@skein/kernel';
import { EVENT_STORE, Rpc, type CallContext } from '@skein/platform';
import { eventsFrom } from '../../application/positions-feed.js';
import type { PositionChanged } from '../../domain/position/position.events.js';
import { positionMessage } from '../../publish/position-message.js';

/** Positions as they change. */
@Injectable()
export class WatchApi {
  constructor(@Inject(EVENT_STORE) private readonly store: EventStore) {}

  @Rpc(StakingService.method.watchPositions)
  async *watchPositions(request: WatchPositionsRequest, call: CallContext): AsyncIterable<MessageInitShape<typeof PositionUpdateSchema>> {
    const wallets = new Set(request.wallets.map((wallet) => canonicalWallet(wallet)));
    for await (const event of eventsFrom(this.store, ['skein.staking.position.changed.v1'], request.afterPosition, call.signal)) {
      const data = event.data as PositionChanged['data'];
      if (wallets.size === 0 || wallets.has(data.wallet)) yield { position: event.position, changed: positionMessage(data, event.version) };
    }
  }
}
