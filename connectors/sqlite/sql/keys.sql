-- Foreign keys of some tables. "to" is empty where the key points to the other table's primary key, whose column of that place is
-- looked up; the highest id was declared first.
WITH wanted(name) AS (VALUES /* names */)
SELECT w.name, f."from", f."table", coalesce(f."to", t.name)
FROM wanted w
JOIN pragma_foreign_key_list(w.name) f
LEFT JOIN pragma_table_info(CASE WHEN f."to" IS NULL THEN f."table" END) t ON t.pk = f.seq + 1
ORDER BY w.name, f.id, f.seq
