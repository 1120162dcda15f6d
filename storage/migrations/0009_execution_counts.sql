-- Version 9. Lists count the executions that people started by state: the index answers that without reading
-- the executions, which took 40 of 50 ms with 100,000 of them. It takes the place of the one by state alone.

DROP INDEX execution_state;
CREATE INDEX execution_state ON execution (state, parent_execution_id);
