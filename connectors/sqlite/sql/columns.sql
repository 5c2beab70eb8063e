-- Columns of every table and view. A hidden column of 1 belongs to a virtual table and does not answer SELECT *.
SELECT m.name, p.name, p.type, p."notnull", p.dflt_value, p.pk
FROM sqlite_schema m
JOIN pragma_table_xinfo(m.name) p
WHERE m.type IN ('table', 'view') AND p.hidden <> 1
ORDER BY m.name, p.cid
