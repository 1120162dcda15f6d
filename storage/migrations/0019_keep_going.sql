-- Version 19. A launch may ask an execution to go on after failures, whatever its mission says.
ALTER TABLE execution ADD COLUMN keep_going INTEGER NOT NULL DEFAULT 0;
