"""Steps that steer the mission: approvals, sub-missions, waits."""
