-- Columns of one table or view, asked for only where the file holds one that cannot be described.
SELECT ?1, name, type, "notnull", dflt_value, pk
FROM pragma_table_xinfo(?1)
WHERE hidden <> 1
ORDER BY cid
