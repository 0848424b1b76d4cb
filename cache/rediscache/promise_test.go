package rediscache_test

import (
	"testing"
	"time"
)

// The checker is no better than its model: these are known to be right or wrong.
func TestPromise(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		events []event
		want   bool
	}{
		{"fetched and read", []event{{kind: born, call: 1, end: 1}, {kind: yielded, call: 2, end: 3}}, true},
		{"never fetched", []event{{kind: yielded, call: 2, end: 3}}, false},
		{"own invalidation", []event{
			{kind: born, call: 1, end: 1}, {kind: killed, call: 2, end: 3, delivered: 9}, {kind: yielded, call: 4, end: 5},
		}, false},
		{"read meanwhile", []event{
			{kind: born, call: 1, end: 1}, {kind: killed, call: 2, end: 5, delivered: 9}, {kind: yielded, call: 4, end: 6},
		}, true},
		{"during the load", []event{
			{kind: born, call: 2, end: 2}, {kind: killed, call: 3, end: 4, delivered: 9}, {kind: yielded, call: 1, end: 5},
		}, true},
		{"after an invalidation during the load", []event{
			{kind: born, call: 2, end: 2}, {kind: killed, call: 3, end: 4, delivered: 9}, {kind: yielded, call: 5, end: 6},
		}, false},
		{"of another process, not delivered", []event{
			{kind: born, call: 1, end: 1}, {kind: killed, process: 1, call: 2, end: 3, delivered: 9}, {kind: yielded, call: 4, end: 5},
		}, true},
		{"of another process, delivered", []event{
			{kind: born, call: 1, end: 1}, {kind: killed, process: 1, call: 2, end: 3, delivered: 4}, {kind: yielded, call: 5, end: 6},
		}, false},
		{"replaced", []event{
			{kind: wrote, call: 1, end: 2}, {kind: wrote, call: 3, end: 4, value: 1}, {kind: yielded, call: 5, end: 6},
		}, false},
		{"replaced by another process before it reached it", []event{
			{kind: wrote, call: 1, end: 2, delivered: 9},
			{kind: wrote, process: 1, call: 3, end: 4, value: 1, delivered: 9},
			{kind: yielded, call: 10, end: 11},
		}, true},
		{"replaced by another process after it reached it", []event{
			{kind: wrote, call: 1, end: 2, delivered: 3},
			{kind: wrote, process: 1, call: 4, end: 5, value: 1, delivered: 9},
			{kind: yielded, call: 10, end: 11},
		}, false},
		{"deleted before it reached others", []event{
			{kind: wrote, call: 1, end: 2, delivered: 9},
			{kind: killed, call: 3, end: 4, delivered: 9},
			{kind: yielded, call: 10, end: 11},
		}, false},
		{"loaded by another after its invalidation, seen late", []event{
			{kind: born, call: 1, end: 1},
			{kind: killed, process: 1, call: 2, end: 3, delivered: 9},
			{kind: born, process: 1, call: 4, end: 4, value: 1},
			{kind: yielded, call: 5, end: 6},
			{kind: yielded, call: 10, end: 11, value: 1},
		}, true},
		{"loaded by another before its invalidation", []event{
			{kind: born, process: 1, call: 1, end: 1},
			{kind: killed, process: 1, call: 2, end: 3, delivered: 9},
			{kind: yielded, call: 10, end: 11},
		}, false},
		{"loaded by another before an own invalidation", []event{
			{kind: born, process: 1, call: 1, end: 1}, {kind: killed, call: 2, end: 3, delivered: 9}, {kind: yielded, call: 4, end: 5},
		}, false},
		{"either, until it is delivered", []event{
			{kind: wrote, call: 1, end: 2, delivered: 2},
			{kind: wrote, process: 1, call: 3, end: 4, value: 1, delivered: 20},
			{kind: yielded, call: 5, end: 6, value: 1},
			{kind: yielded, call: 7, end: 8},
		}, true},
		{"the old one after it was delivered", []event{
			{kind: wrote, call: 1, end: 2, delivered: 2},
			{kind: wrote, process: 1, call: 3, end: 4, value: 1, delivered: 20},
			{kind: yielded, call: 5, end: 6, value: 1},
			{kind: yielded, call: 21, end: 22},
		}, false},
	}
	for _, test := range tests {
		h := &history{events: test.events}
		if violation, sure := h.check(t, 1, 1, time.Minute); (violation == nil) != test.want || !sure {
			t.Errorf("%s: %v, sure %v", test.name, violation == nil, sure)
		}
	}
}
