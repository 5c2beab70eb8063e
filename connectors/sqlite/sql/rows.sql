-- Row counts as of the last ANALYZE: the first number of each statistic.
SELECT tbl, max(CAST(stat AS INTEGER))
FROM sqlite_stat1
WHERE stat IS NOT NULL
GROUP BY tbl
