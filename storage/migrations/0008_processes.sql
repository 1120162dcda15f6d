-- Version 8. What was found of the processes of an attempt at its end, and what its process used, as JSON; NULL where
-- it ran no process, and in what older versions recorded.

ALTER TABLE attempt ADD COLUMN census TEXT;
ALTER TABLE attempt ADD COLUMN resources TEXT;
