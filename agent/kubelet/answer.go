package kubelet

import "time"

// Answer is what one question that is asked again and again has brought: the last good answer, when the question was
// sent that got it, and why there is no newer one. The three are one value, so that nobody takes an old answer for the
// present one without having looked: Now gives it while it holds, Last says that it may not.
type Answer[T any] struct {
	last T
	at   time.Time
	err  *Error
}

// Answered is a good answer to a question that was sent at that time: it shows the kubelet then or later.
func Answered[T any](value T, at time.Time) Answer[T] { return Answer[T]{last: value, at: at} }

// Failed is the answer after the question has failed once more: the last good one stays, and holds no longer.
func (a Answer[T]) Failed(err *Error) Answer[T] {
	a.err = err
	return a
}

// Now gives the answer that holds. Ok is false where the last question failed, or none was ever answered; the value is
// then the zero one.
func (a Answer[T]) Now() (value T, ok bool) {
	if a.err != nil || a.at.IsZero() {
		return value, false
	}
	return a.last, true
}

// Last is the last good answer, however old, for those who show it, or whom it can only make more careful; the zero
// value where there never was one.
func (a Answer[T]) Last() T { return a.last }

// At is when the question was sent that got Last; zero: none ever got an answer.
func (a Answer[T]) At() time.Time { return a.at }

// Err is why the last question got no good answer; nil: it got one, or none was asked.
func (a Answer[T]) Err() *Error { return a.err }

// next is the answer after the question was sent again at that time; asked is what came of it.
func (a Answer[T]) next(value T, at time.Time, err error) Answer[T] {
	if err != nil {
		return a.Failed(cause(err))
	}
	return Answered(value, at)
}
