-- Version 14. Executions and output can be pruned, once an event `log.pruned` names them.

-- The hashes of events whose bodies were pruned: chain and Merkle tree go on over them.
CREATE TABLE pruned_event (
  seq INTEGER PRIMARY KEY,
  execution INTEGER NOT NULL,
  hash BLOB NOT NULL
) STRICT;

-- What may be removed: the row of an execution, and the event that names it.
CREATE TABLE prune (
  execution INTEGER NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('executions', 'logs')),
  execution_id TEXT NOT NULL,
  seq INTEGER NOT NULL,
  PRIMARY KEY (execution, kind)
) STRICT, WITHOUT ROWID;
CREATE INDEX prune_execution_id ON prune (execution_id);

CREATE TRIGGER prune_never_updated BEFORE UPDATE ON prune
BEGIN SELECT RAISE(ABORT, 'what was pruned stays known'); END;
CREATE TRIGGER prune_never_deleted BEFORE DELETE ON prune
BEGIN SELECT RAISE(ABORT, 'what was pruned stays known'); END;
CREATE TRIGGER pruned_event_never_updated BEFORE UPDATE ON pruned_event
BEGIN SELECT RAISE(ABORT, 'hashes of pruned events are immutable'); END;
CREATE TRIGGER pruned_event_never_deleted BEFORE DELETE ON pruned_event
BEGIN SELECT RAISE(ABORT, 'hashes of pruned events are immutable'); END;

DROP TRIGGER event_never_deleted;
CREATE TRIGGER event_never_deleted BEFORE DELETE ON event
WHEN NOT EXISTS (
  SELECT 1 FROM prune JOIN pruned_event ON pruned_event.seq = OLD.seq AND pruned_event.hash = OLD.hash
  WHERE prune.execution = OLD.execution AND kind = 'executions'
)
BEGIN SELECT RAISE(ABORT, 'audit events are immutable'); END;

DROP TRIGGER log_chunk_never_deleted;
CREATE TRIGGER log_chunk_never_deleted BEFORE DELETE ON log_chunk
WHEN NOT EXISTS (SELECT 1 FROM prune WHERE prune.execution = OLD.execution)
BEGIN SELECT RAISE(ABORT, 'stored output is immutable'); END;

DROP TRIGGER execution_never_deleted;
CREATE TRIGGER execution_never_deleted BEFORE DELETE ON execution
WHEN NOT OLD.sealed OR NOT EXISTS (
  SELECT 1 FROM prune WHERE prune.execution = OLD.id AND kind = 'executions'
)
BEGIN SELECT RAISE(ABORT, 'executions are not deleted'); END;

DROP TRIGGER task_run_never_deleted;
CREATE TRIGGER task_run_never_deleted BEFORE DELETE ON task_run
WHEN NOT EXISTS (
  SELECT 1 FROM prune WHERE prune.execution = OLD.execution AND kind = 'executions'
)
BEGIN SELECT RAISE(ABORT, 'task runs are not deleted'); END;

DROP TRIGGER attempt_never_deleted;
CREATE TRIGGER attempt_never_deleted BEFORE DELETE ON attempt
WHEN NOT EXISTS (
  SELECT 1 FROM prune WHERE prune.execution = OLD.task_run >> 24 AND kind = 'executions'
)
BEGIN SELECT RAISE(ABORT, 'attempts are not deleted'); END;

DROP TRIGGER mission_never_deleted;
CREATE TRIGGER mission_never_deleted BEFORE DELETE ON mission
WHEN NOT EXISTS (SELECT 1 FROM prune)
  OR EXISTS (SELECT 1 FROM execution WHERE mission_digest = OLD.digest)
BEGIN SELECT RAISE(ABORT, 'a mission file that an execution names is not deleted'); END;
