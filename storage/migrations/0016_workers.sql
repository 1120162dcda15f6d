-- Version 16. `attempt.placed` records on which worker of a cluster an attempt runs, as soon as it does, and a lease says
-- what the workers did a moment ago, as JSON, for who watches; that is no evidence.
ALTER TABLE lease ADD COLUMN workers TEXT;
ALTER TABLE lease ADD COLUMN workers_at INTEGER NOT NULL DEFAULT 0;
