-- Columns of some tables and views. A hidden column of 1 belongs to a virtual table and does not answer SELECT *.
WITH wanted(name) AS (VALUES /* names */)
SELECT w.name, p.name, p.type, p."notnull", p.dflt_value, p.pk
FROM wanted w
JOIN pragma_table_xinfo(w.name) p
WHERE p.hidden <> 1
ORDER BY w.name, p.cid
