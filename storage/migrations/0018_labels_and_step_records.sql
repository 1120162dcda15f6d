-- Version 18. An execution has labels and a title, by which people find it, and names the steps that its launch forced.
-- `step_record` is what the last success of a step with `inputs` or `outputs` left, so that a step is skipped while nothing
-- has changed. It decides what runs next, never what is shown as evidence: that is in the events.

ALTER TABLE execution ADD COLUMN forced TEXT;
ALTER TABLE execution ADD COLUMN labels TEXT;
ALTER TABLE execution ADD COLUMN title TEXT;
CREATE INDEX execution_labelled ON execution (created_at) WHERE labels IS NOT NULL;

-- `holder` is the attempt that started last; `data` is NULL until that attempt has succeeded.
CREATE TABLE step_record (
  mission TEXT NOT NULL,
  folder TEXT NOT NULL,
  step TEXT NOT NULL,
  holder TEXT NOT NULL,
  data BLOB,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (mission, folder, step)
) STRICT;
