package mysql

import (
	"context"
	"testing"

	"patchbay/e2e/servers"
)

func TestScratch(t *testing.T) {
	for _, s := range []*servers.Server{servers.MySQL(t, servers.Options{}), servers.MariaDB(t, servers.Options{})} {
		db := s.DB(t, s.Database)
		ctx := context.Background()
		admin := func(q string) {
			if _, err := db.ExecContext(ctx, q); err != nil {
				t.Log(s.Product, q, err)
			}
		}
		admin("create table t (n int)")
		admin("create procedure evil() begin commit; set session transaction read write; insert into t values (2); commit; end")
		admin("create procedure evil2() begin commit; start transaction read write; insert into t values (3); commit; end")
		for _, pre := range [][]string{{"set session transaction read only", "start transaction read only"}, {"set session transaction read only", "xa start 'abc'"}} {
			for _, q := range []string{"call evil()", "call evil2()", "begin not atomic commit; set session transaction read write; insert into patchbay.t values (4); commit; end",
				"set statement tx_read_only=0 for insert into t values (5)", "create temporary table tmp(n int)", "select * from t", "show tables", "explain select * from t", "create user x", "analyze table t", "flush tables", "call sys.ps_setup_show_enabled(1,1)",
				"insert delayed into t values (6)", "handler t open", "desc t", "with x as (select 1) select * from x", "get diagnostics @a = number", "use patchbay", "lock tables t write", "optimize table t", "select get_lock('a', 1)", "show create table t", "select * from t for update", "select nextval(s)", "checksum table t", "set @a = 1", "xa end 'abc'", "set transaction read write", "set autocommit = 1", "commit"} {
				c, _ := db.Conn(ctx)
				for _, p := range pre {
					if _, err := c.ExecContext(ctx, p); err != nil {
						t.Log(s.Product, p, err)
					}
				}
				_, err := c.ExecContext(ctx, q)
				t.Log(s.Product, pre[1], "|", q, "->", err)
				_ = c.Raw(func(any) error { return context.Canceled })
				c.Close()
				db.SetMaxIdleConns(0)
				var n int
				db.QueryRowContext(ctx, "select count(*) from t").Scan(&n)
				if n != 0 {
					t.Log("  WROTE", n)
					admin("delete from t")
				}
			}
		}
	}
}
