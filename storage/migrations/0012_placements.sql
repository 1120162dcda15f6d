-- Version 12. The machine and the worker of a cluster that ran the process of an attempt, as JSON; NULL for one of the
-- runner's own machine, and in what older versions recorded.

ALTER TABLE attempt ADD COLUMN placement TEXT;
