package mysql

import (
	"maps"
	"slices"
	"testing"

	"patchbay/catalog"
)

// scopes is a sink that keeps what is done.
type scopes []string

func (s *scopes) Table(catalog.Table) error         { return nil }
func (s *scopes) Skipped(catalog.Path, error) error { return nil }
func (s *scopes) Done(scope catalog.Path) error {
	*s = append(*s, scope.String())
	return nil
}

// What is not listed is gone where the right to see it is still there, and nowhere else.
func TestGrants(t *testing.T) {
	for name, c := range map[string]struct {
		lines  []string
		listed map[string]bool // "shop" is in all of them
		whole  bool            // shop
		done   []string
	}{
		"everything":             {lines: []string{"GRANT SELECT, SHOW VIEW ON *.* TO `me`@`%`"}, whole: true, done: []string{""}},
		"all":                    {lines: []string{"GRANT ALL PRIVILEGES ON *.* TO 'me'@'%' WITH GRANT OPTION"}, whole: true, done: []string{""}},
		"nothing":                {lines: []string{"GRANT USAGE ON *.* TO `me`@`%`"}},
		"a right of that letter": {lines: []string{"GRANT ALLOW_NONEXISTENT_DEFINER,SHOW_ROUTINE ON *.* TO `me`@`%`"}},
		"other rights":           {lines: []string{"GRANT INSERT ON *.* TO `me`@`%`", "GRANT INSERT ON `shop`.* TO `me`@`%`"}},
		"one database":           {lines: []string{"GRANT USAGE ON *.* TO `me`@`%`", "GRANT SELECT ON `shop`.* TO `me`@`%`"}, whole: true},
		"another":                {lines: []string{"GRANT SELECT ON `cr``m`.* TO `me`@`%`"}, done: []string{catalog.Path{"cr`m"}.String()}},
		"names of all":           {lines: []string{"GRANT SHOW DATABASES ON *.* TO `me`@`%`", "GRANT SELECT ON `shop`.* TO `me`@`%`"}, whole: true, done: []string{""}},
		"names, part of shop":    {lines: []string{"GRANT SHOW DATABASES ON *.* TO `me`@`%`", "GRANT SELECT ON `shop`.`a` TO `me`@`%`"}, done: []string{"shop/a"}},
		"tables":                 {lines: []string{"GRANT SELECT (`a ON b`, `c)`), UPDATE (`d`) ON `crm`.`x.y` TO `me`@`%`"}, done: []string{"crm/x.y"}},
		"a skipped database":     {lines: []string{"GRANT SELECT ON `crm`.`x` TO `me`@`%`"}, listed: map[string]bool{"crm": false}},
		"a pattern":              {lines: []string{"GRANT SELECT ON `sh%`.* TO `me`@`%`", `GRANT SELECT ON "cr\_m".* TO "me"@"%"`}, whole: true, done: []string{"sh%25", "cr_m"}},
		"no pattern":             {lines: []string{"GRANT SELECT ON `s\\_op`.* TO `me`@`%`"}, done: []string{"s_op"}},
		"a partial revoke":       {lines: []string{"GRANT SELECT ON *.* TO `me`@`%`", "REVOKE SELECT ON `crm`.* FROM `me`@`%`"}},
		"a role":                 {lines: []string{"GRANT `SELECT ON`@`%` TO `me`@`%`"}},
		"a routine":              {lines: []string{"GRANT EXECUTE ON PROCEDURE `shop`.`p` TO `me`@`%`"}},
		"a proxy":                {lines: []string{"GRANT PROXY ON ``@`` TO `me`@`%`"}},
		"odd":                    {lines: []string{"", "GRANT", "GRANT SELECT ON", "GRANT SELECT ON `shop", "(", "GRANT SELECT ON shop.a"}},
	} {
		listed := map[string]bool{"shop": true}
		maps.Copy(listed, c.listed)
		var g grants
		revoked := false
		for _, line := range c.lines {
			revoked = g.add(line) || revoked
		}
		if revoked {
			g.all, g.databases = false, false
		}
		var done scopes
		if err := g.done(listed, &done); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(done, c.done) || g.whole("shop") != c.whole {
			t.Errorf("%s: done %q, whole %v; want %q, %v", name, done, g.whole("shop"), c.done, c.whole)
		}
	}
}
