-- Version 20. An execution pauses before the steps that have a breakpoint (a JSON array of step ids).
ALTER TABLE execution ADD COLUMN breakpoints TEXT;
