"""Control-flow steps: approvals, sub-missions, waits."""
