-- Version 7. The state of an execution's circuit breaker, and why it is not closed.

ALTER TABLE execution ADD COLUMN breaker TEXT NOT NULL DEFAULT 'closed';
ALTER TABLE execution ADD COLUMN breaker_message TEXT;
