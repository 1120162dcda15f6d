-- Version 3. A sub-mission names the step and the attempt that made it, so that the parent's next attempt
-- finds it; a retry keeps how much of its steps it runs again. Older executions have none of these.

ALTER TABLE execution ADD COLUMN parent_task_id TEXT;
ALTER TABLE execution ADD COLUMN parent_attempt INTEGER;
ALTER TABLE execution ADD COLUMN retry_scope TEXT;
CREATE INDEX execution_parent ON execution (parent_execution_id) WHERE parent_execution_id IS NOT NULL;
