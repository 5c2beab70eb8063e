-- Foreign keys. "to" is empty where the key points to the other table's primary key; the highest id was declared first.
SELECT m.name, f."from", f."table", f."to", f.seq
FROM sqlite_schema m
JOIN pragma_foreign_key_list(m.name) f
WHERE m.type = 'table'
ORDER BY m.name, f.id, f.seq
