-- Version 2. How many of an execution's task runs are items of fan-out steps, by state.
-- Executions that are sealed get the column too, so the trigger that keeps them is away for that long.

ALTER TABLE execution ADD COLUMN item_counts TEXT NOT NULL DEFAULT '{}';

DROP TRIGGER execution_sealed;
UPDATE execution SET item_counts = (
  SELECT json_group_object(state, number) FROM (
    SELECT state, count(*) AS number FROM task_run
    WHERE task_run.execution = execution.id AND parent_task_id IS NOT NULL
    GROUP BY state
  )
);
CREATE TRIGGER execution_sealed BEFORE UPDATE ON execution WHEN OLD.sealed
BEGIN SELECT RAISE(ABORT, 'the execution is sealed'); END;
