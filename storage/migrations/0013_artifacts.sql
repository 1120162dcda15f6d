-- Version 13. The files that were kept of an attempt, as JSON: `{bytes, sha256}` by path; NULL where none was, and in
-- what older versions recorded.

ALTER TABLE attempt ADD COLUMN artifacts TEXT;
