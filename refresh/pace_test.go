package refresh

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPaceGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var people atomic.Int64
		p := pace{waiting: people.Load, began: time.Now()}
		took := func(work time.Duration) time.Duration {
			time.Sleep(work)
			began := time.Now()
			p.give()
			return time.Since(began)
		}
		if d := took(time.Minute); d != 0 {
			t.Errorf("nobody waits, and it rests %v", d)
		}
		people.Store(1)
		if d := took(paceWork / 2); d != 0 {
			t.Errorf("it rests %v after too little work", d)
		}
		if d := took(paceWork); d != paceRest {
			t.Errorf("somebody waits all the time, and it rests %v", d)
		}
		time.AfterFunc(paceWork+3*time.Millisecond, func() { people.Store(0) })
		if d := took(paceWork); d < 3*time.Millisecond || d > 4*time.Millisecond {
			t.Errorf("who waited has an answer after 3 ms, and it rests %v", d)
		}
		if p = (pace{}); took(paceWork) != 0 {
			t.Error("it rests for nobody")
		}
	})
}
