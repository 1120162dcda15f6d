-- Version 4. Each execution is run number N of its mission, and says whether it covers all its steps.
-- Executions made before have no number in their signed event: they are numbered by chain order, and
-- verification does the same. Sealed ones get the columns too, so their trigger is away for that long.

ALTER TABLE execution ADD COLUMN run_number INTEGER;
ALTER TABLE execution ADD COLUMN coverage TEXT NOT NULL DEFAULT 'full';

DROP TRIGGER execution_sealed;
UPDATE execution SET run_number = counted.number FROM (
  SELECT id, row_number() OVER (PARTITION BY workflow_id ORDER BY chain_first_seq) AS number
  FROM execution
) AS counted WHERE counted.id = execution.id;
UPDATE execution SET coverage = 'subset' WHERE EXISTS (
  SELECT 1 FROM task_run
  WHERE task_run.id BETWEEN execution.id << 24 AND (execution.id << 24) + 16777215
    AND reason_code = 'NOT_SELECTED'
);
CREATE TRIGGER execution_sealed BEFORE UPDATE ON execution WHEN OLD.sealed
BEGIN SELECT RAISE(ABORT, 'the execution is sealed'); END;

CREATE UNIQUE INDEX execution_run_number ON execution (workflow_id, run_number);
-- Executions that people started, newest first: what lists show.
CREATE INDEX execution_root ON execution (id) WHERE parent_execution_id IS NULL;

-- The last number given for each workflow: a number is never given again, whatever is deleted.
CREATE TABLE run_number (
  workflow_id TEXT PRIMARY KEY,
  last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO run_number (workflow_id, last)
SELECT workflow_id, max(run_number) FROM execution GROUP BY workflow_id;

CREATE TRIGGER run_number_rises BEFORE UPDATE ON run_number
WHEN NEW.last <= OLD.last OR NEW.workflow_id <> OLD.workflow_id
BEGIN SELECT RAISE(ABORT, 'run numbers only rise'); END;
CREATE TRIGGER run_number_never_deleted BEFORE DELETE ON run_number
BEGIN SELECT RAISE(ABORT, 'run numbers are never given again'); END;
