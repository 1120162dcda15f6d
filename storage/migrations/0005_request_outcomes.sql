-- Version 5. What came of each request, written in the transaction of its effects. A request that was taken
-- but has no outcome when its runner is lost is taken again; those of older versions are over.

ALTER TABLE request ADD COLUMN outcome TEXT CHECK (outcome IN ('done', 'refused'));
ALTER TABLE request ADD COLUMN why TEXT;
ALTER TABLE request ADD COLUMN settled_at INTEGER;

UPDATE request SET outcome = 'done', settled_at = taken_at WHERE taken_at IS NOT NULL;
UPDATE request SET outcome = 'refused', why = 'the execution had ended'
WHERE outcome IS NULL AND execution IN (SELECT id FROM execution WHERE sealed);

DROP INDEX request_open;
CREATE INDEX request_open ON request (execution) WHERE outcome IS NULL;
