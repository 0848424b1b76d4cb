package cache

import (
	"sync"
	"time"
)

// landing is how a load under a lease ended, for those who wait for it in other processes.
type landing byte

const (
	landedStored landing = 's' // its value is in the second tier
	landedFree   landing = 'f' // it was given up or superseded: one of those who wait takes over
	landedFailed landing = 'x' // it failed, or its value cannot be shared: each loads for itself
)

// leases are those that a process holds, and the loads of other processes that it waits for.
type leases struct {
	mu sync.Mutex // guards the fields below; it may be taken with a store's or the tier's mu held
	// held are the leases by their names.
	held map[string]lease
	// followers are told how a load of their key landed.
	followers map[string]map[chan landing]struct{}
}

type lease struct {
	RemoteLease
	taken time.Time
}

func newLeases() *leases {
	return &leases{held: map[string]lease{}, followers: map[string]map[chan landing]struct{}{}}
}

func (l *leases) hold(of RemoteLease) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held[of.Lease] = lease{of, time.Now()}
}

func (l *leases) drop(name string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.held, name)
}

// current are the leases to renew.
func (l *leases) current() []RemoteLease {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]RemoteLease, 0, len(l.held))
	for _, h := range l.held {
		if time.Since(h.taken) < longestLease {
			out = append(out, h.RemoteLease)
		}
	}
	return out
}

// follow has wake told of the next landing of a key, until unfollow.
func (l *leases) follow(id string, wake chan landing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.followers[id] == nil {
		l.followers[id] = map[chan landing]struct{}{}
	}
	l.followers[id][wake] = struct{}{}
}

func (l *leases) unfollow(id string, wake chan landing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.followers[id], wake)
	if len(l.followers[id]) == 0 {
		delete(l.followers, id)
	}
}

// landed tells those who wait for a key.
func (l *leases) landed(id string, how landing) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for wake := range l.followers[id] {
		tell(wake, how)
	}
}

// lost tells all who wait that they will not be told any more.
func (l *leases) lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, wakes := range l.followers {
		for wake := range wakes {
			tell(wake, landedFailed)
		}
	}
}

// tell wakes one who waits; who was told before and has not looked yet will look anyway.
func tell(wake chan landing, how landing) {
	select {
	case wake <- how:
	default:
	}
}
