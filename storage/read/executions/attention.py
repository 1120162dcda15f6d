"""SQL about what needs somebody, and about how the last runs of missions stand."""

from core.domain.reasons import Reason
from core.domain.states import Coverage, ExecutionState, TaskState
from storage.rows import codec

# ruff: noqa: S608 - statements are put together from constants of this package alone

UNATTENDED_FAILURES = f"""
SELECT {codec.names(codec.EXECUTION)} FROM execution
WHERE state = '{ExecutionState.FAILED.value}' AND parent_execution_id IS NULL
AND NOT EXISTS (SELECT 1 FROM execution AS later WHERE later.retry_of = execution.execution_id)
AND NOT EXISTS (SELECT 1 FROM execution AS later WHERE later.rerun_of = execution.execution_id)
ORDER BY id DESC LIMIT ?
"""
"""Executions that failed and that no other one retries or runs again, newest first."""

OPEN_APPROVALS = f"""
SELECT (SELECT execution_id FROM execution WHERE execution.id = task_run.execution),
  {codec.names(codec.TASK_RUN_READ + codec.TASK_RUN_DATA)}
FROM task_run
WHERE state = '{TaskState.WAITING.value}' AND reason_code = '{Reason.AWAITING_APPROVAL.value}'
ORDER BY execution, id LIMIT ?
"""
"""Task runs that wait for an approval, each behind the id of its execution."""

RECENT_OUTCOMES = """
SELECT mission_name, state, coverage FROM execution WHERE id IN (
  SELECT newest.id FROM json_each(:names) AS name JOIN execution AS newest ON newest.id IN (
    SELECT one.id FROM execution AS one
    WHERE one.mission_name = name.value AND one.parent_execution_id IS NULL
    ORDER BY one.id DESC LIMIT :limit
  )
) ORDER BY id DESC
"""
"""State and coverage of the last runs of each of `:names`, newest first; no sub-missions."""

LATEST_RUNS = f"""
SELECT {codec.names(codec.EXECUTION)} FROM execution WHERE id IN (
  SELECT (
    SELECT one.id FROM execution AS one
    WHERE one.mission_name = name.value AND one.parent_execution_id IS NULL
    AND one.coverage = '{Coverage.FULL.value}' ORDER BY one.id DESC LIMIT 1
  ) FROM json_each(?) AS name
)
"""
"""The newest run of each mission that covers all of its steps; no sub-missions."""

CHILD_STATES = """
SELECT parent_execution_id, state, count(*) FROM execution
WHERE parent_execution_id IN (SELECT value FROM json_each(?)) GROUP BY parent_execution_id, state
"""
"""How many sub-missions executions have, by state."""
