-- Marketplace's own copies of what other services published: who made what, and which API keys exist.
CREATE TABLE lineage_arena_task (
  task text PRIMARY KEY,
  creator text NOT NULL,
  developer text NOT NULL,
  artifact_sha256 text NOT NULL,
  epochs int NOT NULL
);

-- Epochs whose payments have arrived.
CREATE TABLE lineage_epoch (
  task text NOT NULL,
  epoch int NOT NULL,
  PRIMARY KEY (task, epoch)
);

CREATE TABLE lineage_validator (
  task text NOT NULL,
  payee text NOT NULL,
  paid numeric NOT NULL,
  PRIMARY KEY (task, payee)
);

CREATE TABLE lineage_federated_task (
  task text PRIMARY KEY,
  creator text NOT NULL,
  arena_task text NOT NULL,
  model_sha256 text NOT NULL
);

CREATE TABLE lineage_round (
  task text NOT NULL,
  round int NOT NULL,
  proposers text[] NOT NULL,
  accepted boolean NOT NULL DEFAULT false,
  PRIMARY KEY (task, round)
);

CREATE TABLE api_key (
  prefix text PRIMARY KEY,
  key_id text NOT NULL,
  customer text NOT NULL,
  secret_sha256 text NOT NULL,
  scopes text[] NOT NULL,
  revoked boolean NOT NULL
);
