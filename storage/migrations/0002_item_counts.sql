-- Version 2. How many of an execution's task runs are items of fan-out steps, by state.

ALTER TABLE execution ADD COLUMN item_counts TEXT NOT NULL DEFAULT '{}';

UPDATE execution SET item_counts = (
  SELECT json_group_object(state, number) FROM (
    SELECT state, count(*) AS number FROM task_run
    WHERE task_run.execution = execution.id AND parent_task_id IS NOT NULL
    GROUP BY state
  )
);
