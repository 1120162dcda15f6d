"""Missions that this machine's timers start: systemd's, or cron's."""
