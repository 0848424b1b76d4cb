package api

import (
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"

	"github.com/sentientcore/upshift/advisor"
)

const (
	dismissalBucket = "dismissals"
	maxDismissals   = 1000
)

var errManyDismissals = fmt.Errorf("api: at most %d recommendations can be dismissed; revert some", maxDismissals)

// dismissals remembers which findings a person does not want to hear of, each by its ID and
// what it meant then. Safe for concurrent use.
type dismissals struct {
	db *bbolt.DB // nil: in memory alone

	mu      sync.Mutex        // guards the field below
	digests map[string]string // by ID
}

func loadDismissals(db *bbolt.DB) (*dismissals, error) {
	d := &dismissals{db: db, digests: map[string]string{}}
	if db == nil {
		return d, nil
	}
	err := db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(dismissalBucket))
		if err != nil {
			return err
		}
		return b.ForEach(func(id, digest []byte) error {
			d.digests[string(id)] = string(digest)
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("load dismissals: %w", err)
	}
	return d, nil
}

func (d *dismissals) has(f advisor.Finding) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	digest, ok := d.digests[f.ID]
	return ok && digest == f.Digest
}

func (d *dismissals) add(f advisor.Finding) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, known := d.digests[f.ID]; !known && len(d.digests) >= maxDismissals {
		return errManyDismissals
	}
	err := d.update(func(b *bbolt.Bucket) error { return b.Put([]byte(f.ID), []byte(f.Digest)) })
	if err == nil {
		d.digests[f.ID] = f.Digest
	}
	return err
}

func (d *dismissals) drop(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	err := d.update(func(b *bbolt.Bucket) error { return b.Delete([]byte(id)) })
	if err == nil {
		delete(d.digests, id)
	}
	return err
}

// update changes what is stored. The caller holds mu.
func (d *dismissals) update(change func(*bbolt.Bucket) error) error {
	if d.db == nil {
		return nil
	}
	return d.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket([]byte(dismissalBucket))
		if b == nil {
			return errors.New("the bucket of dismissals is gone")
		}
		return change(b)
	})
}
