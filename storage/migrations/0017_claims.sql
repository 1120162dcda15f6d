-- Version 17. Queues between executions: the groups of missions and the mutexes of steps. That is no evidence: who was
-- let through and when is an event. A claim counts only while the lease of its execution is alive.
CREATE TABLE claim (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL CHECK (kind IN ('group', 'mutex')),
  name TEXT NOT NULL,
  execution_id TEXT NOT NULL,
  task_id TEXT NOT NULL,
  tree TEXT NOT NULL,
  priority INTEGER NOT NULL,
  asked_at INTEGER NOT NULL,
  granted_at INTEGER,
  is_held INTEGER NOT NULL DEFAULT 0,
  UNIQUE (kind, name, execution_id, task_id)
) STRICT;
CREATE INDEX claim_execution ON claim (execution_id);
