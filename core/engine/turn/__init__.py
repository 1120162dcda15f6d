"""What a turn of the engine takes in and acts on: happenings, timers, running attempts, hosts."""
