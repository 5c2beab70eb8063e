-- Whether there are so many columns that a second connection pays.
select pg_catalog.pg_relation_size('pg_catalog.pg_attribute'::pg_catalog.regclass) > 4 * 1024 * 1024
