package cache

import "time"

// SampleEvery is how many lookups share one measured access time.
const SampleEvery = 128

// Stats are the figures of a [Group] at one instant. No figure of bytes or entries is ever above
// its maximum.
type Stats struct {
	// HitRatio is hits by requests, MissRatio misses by requests, 0 to 1; both are zero without
	// requests.
	HitRatio  float64 `json:"hit_ratio"`
	MissRatio float64 `json:"miss_ratio"`
	// Requests is Hits + Misses.
	Requests uint64 `json:"requests"`
	Hits     uint64 `json:"hits"`
	Misses   uint64 `json:"misses"`
	// Evictions are entries removed for room, of all causes.
	Evictions  uint64 `json:"evictions"`
	Loads      uint64 `json:"loads"`
	LoadErrors uint64 `json:"load_errors"`
	// StaleHits, StaleOnErrors, Refreshes and RefreshErrors are sums of those of the caches.
	StaleHits     uint64 `json:"stale_hits"`
	StaleOnErrors uint64 `json:"stale_on_errors"`
	Refreshes     uint64 `json:"refreshes"`
	RefreshErrors uint64 `json:"refresh_errors"`
	// NegativeHits and NegativeEntries are sums of those of the caches.
	NegativeHits    uint64 `json:"negative_hits"`
	NegativeEntries int    `json:"negative_entries"`
	// TimeSaved and MoneySaved are sums of those of the caches; money says something when all have
	// one unit.
	TimeSaved  float64 `json:"time_saved"`
	MoneySaved float64 `json:"money_saved"`
	// Expirations are entries removed because their time was over, Invalidations those removed
	// by key, name, pattern or tag.
	Expirations   uint64 `json:"expirations"`
	Invalidations uint64 `json:"invalidations"`
	// Rejections are values that were too large to store.
	Rejections uint64 `json:"rejections"`
	Entries    int    `json:"entries"`
	Bytes      int64  `json:"bytes"`
	MaxBytes   int64  `json:"max_bytes"`
	// MeanAccessSeconds is the mean of the sampled lookups.
	MeanAccessSeconds float64 `json:"mean_access_seconds"`
	// MemoryUsageRatio is Bytes by MaxBytes, 0 to 1.
	MemoryUsageRatio float64 `json:"memory_usage_ratio"`
	// Caches are the figures by name; never nil.
	Caches map[string]NamedStats `json:"caches"`
	// Tags are the tags remembered.
	Tags int `json:"tags"`
	// Redis and Disk are the figures of the second tier; of the kind that there is not, zero.
	Redis RedisStats `json:"redis"`
	Disk  DiskStats  `json:"disk"`
	// Warnings name what is configured and not done.
	Warnings []string `json:"warnings,omitempty"`
}

// NamedStats are the figures of one cache.
type NamedStats struct {
	// Type is the type of its values.
	Type      string  `json:"type"`
	HitRatio  float64 `json:"hit_ratio"`
	MissRatio float64 `json:"miss_ratio"`
	Requests  uint64  `json:"requests"`
	Hits      uint64  `json:"hits"`
	Misses    uint64  `json:"misses"`
	// Evictions is the sum of EvictionsByCause: "bytes" and "entries" are the two bounds,
	// "pressure" is [Group.Shrink], "resize" a smaller bound.
	Evictions        uint64            `json:"evictions"`
	EvictionsByCause map[string]uint64 `json:"evictions_by_cause"`
	Expirations      uint64            `json:"expirations"`
	Invalidations    uint64            `json:"invalidations"`
	Rejections       uint64            `json:"rejections"`
	// Loads are finished loads, LoadErrors those among them that failed, LoadsSuperseded those
	// whose value was not stored because an invalidation or a write came in between; writes with
	// a [Mark] that is out of date count there too.
	Loads           uint64 `json:"loads"`
	LoadErrors      uint64 `json:"load_errors"`
	LoadsSuperseded uint64 `json:"loads_superseded"`
	// LoadsAbsent are those of the Loads that found that the key has no value, which is no error.
	LoadsAbsent uint64 `json:"loads_absent"`
	// NegativeHits are those of the Hits that were answered with such a key that is remembered,
	// NegativeEntries the keys remembered, which count in Bytes and not in Entries.
	NegativeHits       uint64 `json:"negative_hits"`
	NegativeEntries    int    `json:"negative_entries"`
	MaxNegativeEntries int    `json:"max_negative_entries"`
	// LoadsActive are running now.
	LoadsActive int `json:"loads_active"`
	// StaleHits are those of the Hits that got a value beyond its time to live while a new one was
	// loaded; StaleOnErrors are lookups that got one because the load had failed.
	StaleHits     uint64 `json:"stale_hits"`
	StaleOnErrors uint64 `json:"stale_on_errors"`
	// Refreshes are those of the Loads that ran in the background, RefreshErrors those of them that
	// failed, RefreshesSkipped those that did not begin because [MaxRefreshes] ran.
	Refreshes        uint64 `json:"refreshes"`
	RefreshErrors    uint64 `json:"refresh_errors"`
	RefreshesSkipped uint64 `json:"refreshes_skipped"`
	// Policy is the plan of eviction in force: "worth", "frequency", "probation", "long_probation" or
	// "recency".
	Policy string `json:"policy"`
	// TimeSaved are the seconds of loads that hits spared, as long as those took whose values were
	// hit. MoneySaved is the same of prices, in the unit of the cache; zero without prices. Of values
	// hit more than 16 times they may lag behind by 15 hits until these leave.
	TimeSaved  float64 `json:"time_saved"`
	MoneySaved float64 `json:"money_saved"`
	// MeanLoadSeconds is the mean of all finished loads.
	MeanLoadSeconds float64 `json:"mean_load_seconds"`
	Entries         int     `json:"entries"`
	MaxEntries      int     `json:"max_entries"`
	Bytes           int64   `json:"bytes"`
	// MaxBytes is the cache's share of the budget.
	MaxBytes int64 `json:"max_bytes"`
	// TTLSeconds is the time to live of an entry that does not say.
	TTLSeconds float64 `json:"ttl_seconds"`
	// The access times are of one lookup in SampleEvery, AccessSamples of them.
	AccessSamples     uint64  `json:"access_samples"`
	MeanAccessSeconds float64 `json:"mean_access_seconds"`
	P50AccessSeconds  float64 `json:"p50_access_seconds"`
	P99AccessSeconds  float64 `json:"p99_access_seconds"`

	// Curve is what the cache would be at other sizes, smallest first; nil while too few lookups were
	// counted since its size last changed. CurveLookups were counted, Followed of them through models,
	// SampleRatio is the share of the keys that is followed.
	Curve        []CurvePoint `json:"curve,omitempty"`
	CurveLookups uint64       `json:"curve_lookups"`
	Followed     uint64       `json:"curve_followed"`
	SampleRatio  float64      `json:"curve_sample_ratio"`
	// Expected is what [Group.Optimize] expected when it last moved the size; nil when it did not.
	Expected *Expectation `json:"expected,omitempty"`

	accessSeconds, loadSeconds float64
	accessBuckets              map[float64]uint64
}

// RedisStats are the figures of the second tier.
type RedisStats struct {
	Enabled bool `json:"enabled"`
	// Connected says that it answers and that the feed of invalidations lives, Since when that last
	// changed. LastError is why it does not, or what it refused last.
	Connected bool      `json:"connected"`
	Since     time.Time `json:"since"`
	LastError string    `json:"last_error,omitempty"`
	// UsedMemoryBytes, ConnectedClients and CommandsProcessed are what the server last said of
	// itself; of a cluster, one of its servers.
	UsedMemoryBytes   int64 `json:"used_memory_bytes"`
	ConnectedClients  int64 `json:"connected_clients"`
	CommandsProcessed int64 `json:"commands_processed"`
	// Hits and Misses are lookups that it answered.
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	// Errors are lookups and operations that failed, Malformed values that could not be read.
	Errors    uint64 `json:"errors"`
	Malformed uint64 `json:"malformed"`
	// Stored are values written, Refused those that another process was faster with or that were
	// invalidated meanwhile, Dropped operations for which the queue had no room.
	Stored  uint64 `json:"stored"`
	Refused uint64 `json:"refused"`
	Dropped uint64 `json:"dropped"`
	// Sent and Received are the messages to and from other processes, Feeds how often the feed came
	// to live.
	Sent     uint64 `json:"sent"`
	Received uint64 `json:"received"`
	Feeds    uint64 `json:"feeds"`
	// LoadsLed are loads during which other processes waited with theirs, LoadsFollowed those that
	// were spared by waiting.
	LoadsLed      uint64 `json:"loads_led"`
	LoadsFollowed uint64 `json:"loads_followed"`
	// Queued are operations that wait now, Unsent the keys of these and of those under way; Owed are
	// invalidations that did not reach it and will be done before it is read again.
	Queued int `json:"queued"`
	Unsent int `json:"unsent"`
	Owed   int `json:"owed"`
}

// EntryInfo describes an entry; asking for it does not count as an access.
type EntryInfo struct {
	Key string `json:"key"`
	// Created is when the value was loaded or set, also by another process.
	Created time.Time `json:"created"`
	// Expires is when its time to live is over, KeptUntil when it cannot be served stale any more.
	Expires   time.Time `json:"expires"`
	KeptUntil time.Time `json:"kept_until"`
	// Accesses are the hits so far, LastAccess the time of the last; zero without one.
	Accesses   uint64    `json:"accesses"`
	LastAccess time.Time `json:"last_access"`
	// Bytes is what the entry is accounted with.
	Bytes int64 `json:"bytes"`
	// LoadSeconds is how long its load took, Price what it cost in the unit of the cache; zero when not
	// known.
	LoadSeconds float64  `json:"load_seconds"`
	Price       float64  `json:"price"`
	Tags        []string `json:"tags,omitempty"`
}

// add adds the figures of one cache to the sum.
func (s *Stats) add(name string, n NamedStats) {
	s.Caches[name] = n
	s.Hits += n.Hits
	s.Misses += n.Misses
	s.Evictions += n.Evictions
	s.Expirations += n.Expirations
	s.Invalidations += n.Invalidations
	s.Rejections += n.Rejections
	s.Loads += n.Loads
	s.LoadErrors += n.LoadErrors
	s.TimeSaved += n.TimeSaved
	s.MoneySaved += n.MoneySaved
	s.StaleHits += n.StaleHits
	s.StaleOnErrors += n.StaleOnErrors
	s.Refreshes += n.Refreshes
	s.RefreshErrors += n.RefreshErrors
	s.NegativeHits += n.NegativeHits
	s.NegativeEntries += n.NegativeEntries
	s.Entries += n.Entries
	s.Bytes += n.Bytes
}

// finish works out what follows from the sums.
func (s *Stats) finish() {
	s.Requests = s.Hits + s.Misses
	s.HitRatio, s.MissRatio = ratio(s.Hits, s.Requests), ratio(s.Misses, s.Requests)
	s.MemoryUsageRatio = ratio(s.Bytes, s.MaxBytes)
	var samples uint64
	var seconds float64
	for _, n := range s.Caches {
		samples += n.AccessSamples
		seconds += n.accessSeconds
	}
	s.MeanAccessSeconds = mean(seconds, samples)
}

func ratio[N int64 | uint64](part, whole N) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

func mean(sum float64, n uint64) float64 {
	if n == 0 {
		return 0
	}
	return sum / float64(n)
}

// stats are the figures of one cache. Bytes and entries are of one instant.
func (s *store) stats() NamedStats {
	negative := s.negativeHits.Load() // each was counted as a miss before
	hits, misses := s.sum()
	hits, misses = hits+negative, misses-negative
	samples := s.access.count.Load()
	n := NamedStats{
		Type: s.typ.String(),
		Hits: hits, Misses: misses, Requests: hits + misses,
		HitRatio: ratio(hits, hits+misses), MissRatio: ratio(misses, hits+misses),
		EvictionsByCause: make(map[string]uint64, len(evictionCauses)),
		Expirations:      s.removed[causeExpired].Load(), Invalidations: s.removed[causeInvalidated].Load(),
		Rejections: s.rejected.Load(), Loads: s.loads.Load(), LoadErrors: s.loadErrors.Load(),
		LoadsSuperseded: s.superseded.Load(), LoadsActive: int(s.active.Load()),
		NegativeHits: negative, LoadsAbsent: s.loadsAbsent.Load(),
		StaleHits: s.staleHits.Load(), StaleOnErrors: s.staleOnErrors.Load(), Refreshes: s.refreshes.Load(),
		RefreshErrors: s.refreshErrors.Load(), RefreshesSkipped: s.refreshesSkipped.Load(),
		AccessSamples: samples, P50AccessSeconds: s.access.quantile(0.5), P99AccessSeconds: s.access.quantile(0.99),
		accessSeconds: float64(s.access.nanos.Load()) / 1e9, accessBuckets: s.access.cumulative(),
		loadSeconds: time.Duration(s.loadNanos.Load()).Seconds(),
	}
	for i, name := range evictionCauses {
		n.EvictionsByCause[name] = s.removed[i].Load()
		n.Evictions += n.EvictionsByCause[name]
	}
	took, money := s.saved()
	n.TimeSaved, n.MoneySaved = took.Seconds(), money
	n.MeanAccessSeconds = mean(n.accessSeconds, samples)
	n.MeanLoadSeconds = mean(n.loadSeconds, n.Loads)
	s.mu.Lock()
	defer s.mu.Unlock()
	n.Entries, n.MaxEntries = s.order.entries(), s.limits.maxEntries
	n.Bytes, n.MaxBytes = s.order.bytes()+s.absences.bytes, s.limits.maxBytes+s.limits.negativeBytes
	n.NegativeEntries = s.absences.len()
	if n.MaxNegativeEntries = s.limits.negativeEntries; s.limits.negativeTTL == 0 {
		n.MaxNegativeEntries = 0
	}
	n.Policy = s.order.name
	n.TTLSeconds = s.limits.ttl.Seconds()
	r := s.curve.read(n.Entries, n.Bytes)
	n.Expected = s.expectation(hits, misses)
	n.Curve, n.CurveLookups, n.Followed, n.SampleRatio = r.points, uint64(r.lookups), r.followed, r.sample
	return n
}
