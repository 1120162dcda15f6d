-- Version 1. Instants are nanoseconds since the epoch; JSON is text as `core.domain.events.dump_json` writes it.
-- Columns of execution, task_run and attempt are the fields of the records of `core.domain.records`.

CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- --- the audit chain --------------------------------------------------------------------------

-- The last state of the chain (`core.audit.chain.chain.encode_head`), so that an append reads one row.
CREATE TABLE head (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  data BLOB NOT NULL
) STRICT;

-- `execution` and `task_run` stand for the ids in the body: reading them back through a join is what
-- makes an edited id in those tables show. An execution's events lie between its `chain_first_seq` and
-- `chain_last_seq`; an index for what that range finds as well would cost every step.
CREATE TABLE event (
  seq INTEGER PRIMARY KEY,
  event_id BLOB NOT NULL,
  ts INTEGER NOT NULL,
  type TEXT NOT NULL,
  actor TEXT NOT NULL,
  target TEXT NOT NULL,
  execution INTEGER,
  exec_seq INTEGER,
  task_run INTEGER,
  attempt INTEGER,
  body BLOB NOT NULL,
  hash BLOB NOT NULL
) STRICT;
CREATE INDEX event_task_run ON event (task_run) WHERE task_run IS NOT NULL;

CREATE TABLE checkpoint (
  size INTEGER PRIMARY KEY,
  note BLOB NOT NULL
) STRICT;

-- --- records ----------------------------------------------------------------------------------

CREATE TABLE mission (
  digest TEXT PRIMARY KEY,
  name TEXT NOT NULL,
  format TEXT NOT NULL,
  content BLOB NOT NULL,
  first_seen INTEGER NOT NULL
) STRICT;

-- `task_count` and the `chain_` columns are the writer's own: how far the task runs and the
-- execution's sub-chain have got. `sealed` is set with `execution.finalized`.
CREATE TABLE execution (
  id INTEGER PRIMARY KEY,
  execution_id TEXT NOT NULL UNIQUE,
  workflow_id TEXT NOT NULL,
  mission_name TEXT NOT NULL,
  mission_digest TEXT NOT NULL,
  state TEXT NOT NULL,
  reason_code TEXT NOT NULL,
  message TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  updated_at INTEGER NOT NULL,
  cancel_requested_at INTEGER,
  cancel_requested_by TEXT,
  actor TEXT NOT NULL,
  params TEXT NOT NULL,
  source_path TEXT,
  working_dir TEXT NOT NULL,
  parent_execution_id TEXT,
  retry_of TEXT,
  rerun_of TEXT,
  run_key TEXT,
  parallel_limit INTEGER,
  log_entry_count INTEGER NOT NULL,
  counts TEXT NOT NULL,
  task_count INTEGER NOT NULL,
  chain_events INTEGER NOT NULL,
  chain_first_seq INTEGER NOT NULL,
  chain_last_seq INTEGER NOT NULL,
  chain_last_hash BLOB NOT NULL,
  sealed INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX execution_run_key ON execution (workflow_id, run_key) WHERE run_key IS NOT NULL;
CREATE INDEX execution_state ON execution (state);
CREATE INDEX execution_mission ON execution (mission_name);

-- The id is made of execution and position, so all runs of an execution are one range in file order.
CREATE TABLE task_run (
  id INTEGER PRIMARY KEY,
  execution INTEGER NOT NULL,
  task_id TEXT NOT NULL,
  position INTEGER NOT NULL CHECK (position BETWEEN 0 AND 16777215),
  state TEXT NOT NULL,
  reason_code TEXT NOT NULL,
  message TEXT,
  updated_at INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  ready_at INTEGER,
  started_at INTEGER,
  ended_at INTEGER,
  resume_at INTEGER,
  inputs TEXT,
  outputs TEXT,
  error TEXT,
  reused_from TEXT,
  parent_task_id TEXT,
  item TEXT,
  CHECK (id = (execution << 24) + position)
) STRICT;

CREATE TABLE attempt (
  task_run INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  state TEXT NOT NULL,
  reason_code TEXT NOT NULL,
  message TEXT,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  exit_code INTEGER,
  inputs TEXT,
  outputs TEXT,
  error TEXT,
  log_entry_count INTEGER NOT NULL,
  log_bytes INTEGER NOT NULL,
  log_dropped_bytes INTEGER NOT NULL,
  log_digest TEXT,
  PRIMARY KEY (task_run, attempt)
) STRICT, WITHOUT ROWID;

-- --- logs -------------------------------------------------------------------------------------

-- `segments` is packed by `storage.rows.segment`; `streams` and `levels` are the sets of what is in them and
-- `open_streams` those whose line is cut by the chunk's end (bits as there).
CREATE TABLE log_chunk (
  id INTEGER PRIMARY KEY,
  execution INTEGER NOT NULL,
  task_run INTEGER NOT NULL,
  attempt INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  lines INTEGER NOT NULL,
  at_first INTEGER NOT NULL,
  at_last INTEGER NOT NULL,
  streams INTEGER NOT NULL,
  levels INTEGER NOT NULL,
  open_streams INTEGER NOT NULL,
  segments BLOB NOT NULL,
  data BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_chunk_attempt ON log_chunk (task_run, attempt, chunk);
CREATE INDEX log_chunk_execution ON log_chunk (execution);

-- --- ownership and requests -------------------------------------------------------------------

-- A released lease keeps its row, so that `epoch` never repeats. The execution may not exist yet.
CREATE TABLE lease (
  execution_id TEXT PRIMARY KEY,
  owner TEXT,
  epoch INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  heartbeat_at INTEGER NOT NULL,
  pid INTEGER NOT NULL,
  start_time INTEGER NOT NULL,
  boot_id TEXT NOT NULL,
  host TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  execution INTEGER NOT NULL,
  kind TEXT NOT NULL,
  task_id TEXT,
  arguments TEXT NOT NULL,
  actor TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  taken_at INTEGER,
  taken_by TEXT
) STRICT;
CREATE INDEX request_open ON request (execution) WHERE taken_at IS NULL;

-- --- what must never change -------------------------------------------------------------------
-- These stop mistakes, not attackers: whoever can write the file can drop them; the chain tells.
-- INSERT OR REPLACE deletes without firing a trigger unless recursive_triggers is on.

-- Event ids and instants rise with seq, so comparing with the one before excludes every duplicate.
CREATE TRIGGER event_appends BEFORE INSERT ON event
WHEN NOT EXISTS (
  SELECT 1 FROM event WHERE seq = NEW.seq - 1 AND event_id < NEW.event_id AND ts < NEW.ts
) AND (NEW.seq <> 1 OR EXISTS (SELECT 1 FROM event))
BEGIN SELECT RAISE(ABORT, 'audit events are appended without gaps, in order'); END;
CREATE TRIGGER event_never_updated BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'audit events are immutable'); END;
CREATE TRIGGER event_never_deleted BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'audit events are immutable'); END;

CREATE TRIGGER checkpoint_appends BEFORE INSERT ON checkpoint
WHEN NEW.size IS NOT (SELECT max(seq) FROM event)
BEGIN SELECT RAISE(ABORT, 'a checkpoint covers all events'); END;
CREATE TRIGGER checkpoint_never_updated BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;
CREATE TRIGGER checkpoint_never_deleted BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'checkpoints are immutable'); END;

CREATE TRIGGER mission_never_updated BEFORE UPDATE ON mission
BEGIN SELECT RAISE(ABORT, 'stored missions are immutable'); END;
CREATE TRIGGER mission_never_deleted BEFORE DELETE ON mission
BEGIN SELECT RAISE(ABORT, 'stored missions are immutable'); END;

CREATE TRIGGER log_chunk_sealed BEFORE INSERT ON log_chunk
WHEN (SELECT sealed FROM execution WHERE id = NEW.execution)
BEGIN SELECT RAISE(ABORT, 'the execution is sealed'); END;
CREATE TRIGGER log_chunk_never_updated BEFORE UPDATE ON log_chunk
BEGIN SELECT RAISE(ABORT, 'stored output is immutable'); END;
CREATE TRIGGER log_chunk_never_deleted BEFORE DELETE ON log_chunk
BEGIN SELECT RAISE(ABORT, 'stored output is immutable'); END;

CREATE TRIGGER execution_sealed BEFORE UPDATE ON execution WHEN OLD.sealed
BEGIN SELECT RAISE(ABORT, 'the execution is sealed'); END;
CREATE TRIGGER execution_terminal BEFORE UPDATE ON execution
WHEN OLD.state IN ('SUCCESS', 'FAILED', 'CANCELLED') AND NEW.state <> OLD.state
BEGIN SELECT RAISE(ABORT, 'the execution has ended'); END;
CREATE TRIGGER execution_never_deleted BEFORE DELETE ON execution
BEGIN SELECT RAISE(ABORT, 'executions are not deleted'); END;

CREATE TRIGGER task_run_sealed BEFORE UPDATE ON task_run
WHEN (SELECT sealed FROM execution WHERE id = OLD.execution)
BEGIN SELECT RAISE(ABORT, 'the execution is sealed'); END;
CREATE TRIGGER task_run_never_deleted BEFORE DELETE ON task_run
BEGIN SELECT RAISE(ABORT, 'task runs are not deleted'); END;

CREATE TRIGGER attempt_ended BEFORE UPDATE ON attempt WHEN OLD.state <> 'RUNNING'
BEGIN SELECT RAISE(ABORT, 'the attempt has ended'); END;
CREATE TRIGGER attempt_never_deleted BEFORE DELETE ON attempt
BEGIN SELECT RAISE(ABORT, 'attempts are not deleted'); END;
