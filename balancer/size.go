package balancer

import (
	"context"
	"math"
	"net/http"
	"strings"
)

// sizeClass tells calls of unlike size apart: by the caller's own figure (see [WithWork]),
// else by the length of the request body.
type sizeClass uint16

// The classes: one for calls without a body, one for bodies of unknown length, two to an
// octave of known length, four to an octave of declared work; all of it twice, for calls
// that ask for an event stream are timed to their first byte.
const (
	classEmpty   sizeClass = 0
	classUnknown sizeClass = 1
	classLength  sizeClass = 2
	classWork    sizeClass = 82
	classStreams sizeClass = 256
	classCount             = 2 * classStreams
)

type workKey struct{}

// WithWork tells the adaptive strategy how much work a call is: tokens, rows, bytes, in
// any unit as long as all calls of one pool use the same. It replaces the length of the
// body as the measure of a call. The figure needs not be exact; the pool learns how long
// calls of a size take. Figures that are not above 0 are ignored.
func WithWork(ctx context.Context, units float64) context.Context {
	return context.WithValue(ctx, workKey{}, units)
}

// workClass returns the class of declared work, if there is any.
func workClass(ctx context.Context) (sizeClass, bool) {
	if prompt := promptOf(ctx); prompt != nil {
		return classOfWork(float64(prompt.Tokens)), true
	}
	units, ok := ctx.Value(workKey{}).(float64)
	if !ok || !(units > 0) || math.IsInf(units, 1) {
		return 0, false
	}
	return classOfWork(units), true
}

func classOfWork(units float64) sizeClass {
	step := int(math.Floor(4*math.Log2(units))) + 40 // from 2^-10 on
	return classWork + sizeClass(min(max(step, 0), int(classStreams-classWork)-1))
}

// size returns a size in the middle of the class, 0 for unknown, and whether its calls are
// streams.
func (c sizeClass) size() (size float64, stream bool) {
	stream = c >= classStreams
	switch c %= classStreams; {
	case c >= classWork:
		size = math.Exp2((float64(c-classWork) - 39.5) / 4)
	case c >= classLength:
		size = math.Exp2((float64(c-classLength)+0.5)/2) - 1
	}
	return size, stream
}

// requestClass returns the size class of a request.
func requestClass(req *http.Request) sizeClass {
	class, ok := workClass(req.Context())
	switch {
	case ok:
	case req.Body == nil || req.Body == http.NoBody:
		class = classEmpty
	case req.ContentLength < 0:
		class = classUnknown
	default:
		step := int(2 * math.Log2(float64(req.ContentLength+1)))
		class = classLength + sizeClass(min(step, int(classWork-classLength)-1))
	}
	if strings.Contains(req.Header.Get("Accept"), "text/event-stream") {
		class += classStreams
	}
	return class
}

// sizes learns how long calls of each class take on a median server, in seconds.
type sizes struct {
	classes [classCount]classSize
	mean    atomicFloat
}

type classSize struct{ mean, samples atomicFloat }

const (
	firstSize   = 0.05 // seconds, before anything is known
	classMemory = 256  // samples
)

// expect returns the expected work of a call of the class. A class with few samples leans
// on the mean of all calls.
func (s *sizes) expect(class sizeClass) float64 {
	all := s.mean.Load()
	if all == 0 {
		all = firstSize
	}
	c := &s.classes[class]
	n := c.samples.Load()
	return (c.mean.Load()*n + all) / (n + 1)
}

// observe learns from one call. Two calls that end at the same instant may lose one of
// the two observations, which does not matter for a mean.
func (s *sizes) observe(class sizeClass, size float64) {
	c := &s.classes[class]
	n := min(c.samples.Load()+1, classMemory)
	c.mean.Store(c.mean.Load() + (size-c.mean.Load())/n)
	c.samples.Store(n)
	all := s.mean.Load()
	if all == 0 {
		all = size
	}
	s.mean.Store(all + (size-all)/classMemory)
}
