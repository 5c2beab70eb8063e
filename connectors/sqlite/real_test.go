package sqlite

import (
	"database/sql"
	"math"
	"math/rand"
	"strconv"
	"testing"

	_ "github.com/mattn/go-sqlite3" // the engine that the text is compared with
)

// TestRealText proves that a REAL's text reads back to the same number, and that it is the engine's own text for the numbers
// that people write, of 13 digits and less.
func TestRealText(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("sqlite3", ":memory:")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ask, err := db.Prepare("select cast(? as text)")
	if err != nil {
		t.Fatal(err)
	}
	defer ask.Close()
	for _, f := range realCases() {
		got := string(appendReal(nil, f))
		if back, err := strconv.ParseFloat(got, 64); err != nil || back != f {
			t.Errorf("%s reads back as %v, want %b", got, back, f)
		}
		var want string
		if err := ask.QueryRow(f).Scan(&want); err != nil {
			t.Fatal(err)
		}
		if plain(f) && got != want {
			t.Errorf("%b: got %s, SQLite writes %s", f, got, want)
		}
	}
}

// plain says that 13 digits are enough for f, which SQLite then writes as it is. It shows subnormal numbers with 17 always.
func plain(f float64) bool {
	back, _ := strconv.ParseFloat(strconv.FormatFloat(f, 'e', 12, 64), 64)
	return back == f && (f == 0 || math.Abs(f) > 1e-300)
}

func realCases() []float64 {
	cases := []float64{0, math.Copysign(0, -1), 1, -1, 0.1, 49.47, 1e14, 1e15, 1e16, 1e17, 1e18, 1e22, 1e23, 1e-4, 1e-5, 0.00012345,
		1.0 / 3, 123456789.123456, 5e-324, math.MaxFloat64, math.Inf(1), math.Inf(-1), 9007199254740993, 1e100, -2.5e-9}
	random := rand.New(rand.NewSource(7))
	for range 20_000 {
		if anyBits := math.Float64frombits(random.Uint64()); !math.IsNaN(anyBits) {
			cases = append(cases, anyBits)
		}
		cases = append(cases, float64(random.Intn(1e8))/1000, random.NormFloat64()*math.Pow(10, float64(random.Intn(40)-20)))
	}
	return cases
}
