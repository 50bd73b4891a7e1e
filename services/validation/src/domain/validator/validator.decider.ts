import { type Decider, type DomainEvent, ok } from '@skein/kernel';

export type ManagementChanged = DomainEvent<'skein.validation.validator.management-changed.v1', { readonly validator: string; readonly managed: boolean; readonly atMs: number }>;

export interface SetManaged {
  readonly validator: string;
  readonly managed: boolean;
  readonly nowMs: number;
}

export interface ValidatorState {
  readonly managed: boolean;
}

/** Whether Skein does a validator's assignments. Stream `validator-<wallet>`. */
export const validatorDecider: Decider<ValidatorState, SetManaged, ManagementChanged> = {
  initialState: () => ({ managed: false }),
  evolve: (_state, { data }) => ({ managed: data.managed }),
  decide: ({ validator, managed, nowMs }, state) =>
    ok(state.managed === managed ? [] : [{ type: 'skein.validation.validator.management-changed.v1', data: { validator, managed, atMs: nowMs } }]),
};
