package memnet

import "time"

// deadline wakes those who wait for something on a stream. The stream's mutex guards it.
type deadline struct {
	at    time.Time
	timer *time.Timer
}

// passed tells whether there is a deadline and it is over.
func (d *deadline) passed() bool { return !d.at.IsZero() && time.Until(d.at) <= 0 }

// set moves the deadline; wake is called, in a goroutine of its own, when it is over. The zero time is none.
func (d *deadline) set(at time.Time, wake func()) {
	d.stop()
	if d.at = at; !at.IsZero() {
		d.timer = time.AfterFunc(max(time.Until(at), 0), wake)
	}
}

func (d *deadline) stop() {
	if d.timer != nil {
		d.timer.Stop()
	}
}
