package refresh

import (
	"runtime"
	"time"
)

// How a refresh shares the processor with people: after so much work it rests while anyone waits for an answer, but no longer than so.
const (
	paceWork = 2 * time.Millisecond
	paceRest = 18 * time.Millisecond
)

// A pace is one stage of a refresh that gives way. It is used by one goroutine.
type pace struct {
	waiting func() int64 // how many people wait for an answer; nil: nobody is known to
	began   time.Time    // when the stage last rested
}

// give is called between two small steps. It lets those who wait for an answer go first; where there are always some, the stage still
// gets a tenth of the time. What feeds it waits meanwhile, and the source with it.
func (p *pace) give() {
	runtime.Gosched()
	if p.waiting == nil || time.Since(p.began) < paceWork {
		return
	}
	for end := time.Now().Add(paceRest); p.waiting() > 0 && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	p.began = time.Now()
}
