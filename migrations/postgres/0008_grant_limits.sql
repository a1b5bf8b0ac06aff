-- Grants of calls of services may be for some methods, and for what lies below a path.

-- upper case, with commas; NULL allows all
ALTER TABLE grants ADD COLUMN methods TEXT;
-- begins and ends with a slash; NULL allows all
ALTER TABLE grants ADD COLUMN path_prefix TEXT;
