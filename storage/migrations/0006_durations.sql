-- Version 6. How long executions, task runs and attempts took by the monotonic clock of the process that saw
-- start and end; NULL where none did, and in what older versions recorded.

ALTER TABLE execution ADD COLUMN duration_us INTEGER;
ALTER TABLE task_run ADD COLUMN duration_us INTEGER;
ALTER TABLE attempt ADD COLUMN duration_us INTEGER;
