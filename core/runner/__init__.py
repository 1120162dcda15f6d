"""Drives executions in this process: lease, heartbeat, requests, signals, sub-missions."""
