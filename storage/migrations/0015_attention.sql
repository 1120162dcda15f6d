-- Version 15. Home asks at every change what needs somebody: open approvals, and failures that nobody retried or ran
-- again. It also lists the last runs of each mission, without its runs as a sub-mission.

CREATE INDEX task_run_approval ON task_run (execution)
WHERE state = 'WAITING' AND reason_code = 'AWAITING_APPROVAL';
CREATE INDEX execution_retry_of ON execution (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX execution_rerun_of ON execution (rerun_of) WHERE rerun_of IS NOT NULL;
DROP INDEX execution_mission;
CREATE INDEX execution_mission ON execution (mission_name, parent_execution_id);
