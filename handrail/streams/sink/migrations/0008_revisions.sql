-- Revisions of a handoff that hold only what is new in its conversation.

-- The revision that a row adds to; NULL where it is one in full. Of an update most columns are NULL: what it leaves out
-- has not changed.
ALTER TABLE handoffs ADD COLUMN since INTEGER;
