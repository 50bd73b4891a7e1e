-- Which bytes a service holds, who owns them and who may read them. The bytes lie in the object store under the SHA-256.
CREATE TABLE artifacts (
  sha256     text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
  size_bytes bigint NOT NULL CHECK (size_bytes >= 0)
);

-- Several uploaders of the same bytes own them independently and learn nothing of each other, not even a media type.
CREATE TABLE artifact_owners (
  sha256     text NOT NULL REFERENCES artifacts,
  owner      text NOT NULL,
  media_type text NOT NULL,
  added_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (sha256, owner)
);

CREATE TABLE artifact_grants (
  sha256     text NOT NULL,
  reader     text NOT NULL,
  purpose    text NOT NULL,
  granted_by text NOT NULL,
  expires_at timestamptz NOT NULL DEFAULT 'infinity',
  granted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (sha256, reader, purpose, granted_by),
  FOREIGN KEY (sha256, granted_by) REFERENCES artifact_owners (sha256, owner) ON DELETE CASCADE
);

CREATE TABLE artifact_deletions (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sha256     text NOT NULL,
  owner      text NOT NULL,
  deleted_by text NOT NULL,
  reason     text NOT NULL,
  deleted_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE artifact_deletions IS 'insert-only: what was deleted, when, by whom and why';

-- Bytes that may lie in the store without an owner: written before they arrive there and when the last owner goes, taken
-- away when they have an owner or are gone. After a crash the sweep finishes what is named here.
CREATE TABLE artifact_unowned (sha256 text PRIMARY KEY);
