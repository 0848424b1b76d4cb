package cache

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("upshift_cache_"+name, help, labels, nil)
}

// Descriptions of the metrics; they never change.
var (
	descBudget      = desc("budget_bytes", "Bytes that all caches together may hold.")
	descTags        = desc("tags", "Tags that entries or running loads have.")
	descEntries     = desc("entries", "Entries held.", "cache")
	descMaxEntries  = desc("max_entries", "Entries the cache may hold.", "cache")
	descBytes       = desc("bytes", "Accounted bytes held.", "cache")
	descMaxBytes    = desc("max_bytes", "Bytes the cache may hold, its share of the budget.", "cache")
	descHits        = desc("hits_total", "Lookups that found a value.", "cache")
	descMisses      = desc("misses_total", "Lookups that found none.", "cache")
	descEvictions   = desc("evictions_total", "Entries removed for room.", "cache", "cause")
	descExpirations = desc("expirations_total", "Entries removed because their time was over.", "cache")
	descInvalid     = desc("invalidations_total", "Entries removed by key, name, pattern or tag.", "cache")
	descRejections  = desc("rejections_total", "Values too large to store.", "cache")
	descLoads       = desc("loads_total", "Loads that ended.", "cache")
	descLoadErrors  = desc("load_errors_total", "Loads that failed.", "cache")
	descSuperseded  = desc("loads_superseded_total",
		"Fetched values not stored because of an invalidation or a write in between.", "cache")
	descStale = desc("stale_total",
		"Lookups that got a value beyond its time to live, while another was loaded or because that failed.", "cache", "cause")
	descRefreshes    = desc("refreshes_total", "Loads that ran in the background and ended.", "cache")
	descRefreshErrs  = desc("refresh_errors_total", "Loads in the background that failed.", "cache")
	descRefreshSkips = desc("refreshes_skipped_total", "Loads in the background for which too many ran.", "cache")
	descNegativeHits = desc("negative_hits_total", "Lookups of keys that are known to have no value.", "cache")
	descNegative     = desc("negative_entries", "Keys remembered to have no value.", "cache")
	descAbsent       = desc("loads_absent_total", "Loads that found that the key has no value.", "cache")
	descActive       = desc("loads_active", "Loads that run.", "cache")
	descLoading      = desc("load_seconds_total", "Time spent in loads that ended.", "cache")
	descTimeSaved    = desc("time_saved_seconds_total", "Time of loads that hits spared.", "cache")
	descMoneySaved   = desc("money_saved_total", "Prices of values that hits spared, in the unit of the cache.", "cache")
	descRemoteUp     = desc("remote_connected", "Whether the second tier answers and is heard: 1 or 0.")
	descRemoteHits   = desc("remote_hits_total", "Lookups in the second tier that found a value.")
	descRemoteMisses = desc("remote_misses_total", "Lookups in the second tier that found none.")
	descRemoteErrors = desc("remote_errors_total", "Lookups and operations of the second tier that failed.")
	descRemoteBad    = desc("remote_malformed_total", "Values of the second tier that could not be read.")
	descRemoteStored = desc("remote_stored_total", "Values written to the second tier.")
	descRemoteDrops  = desc("remote_dropped_total", "Operations for which the queue to the second tier had no room.")
	descRemoteHeard  = desc("remote_received_total", "Invalidations heard of other processes.")
	descRemoteLed    = desc("remote_loads_led_total", "Loads during which other processes waited with theirs.")
	descRemoteSpared = desc("remote_loads_followed_total", "Loads spared by waiting for another process.")
	descAccess       = desc("access_duration_seconds", "Duration of a sample of the lookups.", "cache")
)

// Describe implements prometheus.Collector.
func (g *Group) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		descBudget, descTags, descEntries, descMaxEntries, descBytes, descMaxBytes, descHits, descMisses,
		descEvictions, descExpirations, descInvalid, descRejections, descLoads, descLoadErrors, descSuperseded,
		descStale, descRefreshes, descRefreshErrs, descRefreshSkips, descNegativeHits, descNegative, descAbsent,
		descActive, descLoading, descTimeSaved, descMoneySaved, descAccess, descRemoteUp, descRemoteHits, descRemoteMisses, descRemoteErrors,
		descRemoteBad, descRemoteStored, descRemoteDrops, descRemoteHeard, descRemoteLed, descRemoteSpared,
	} {
		ch <- d
	}
	for _, d := range slices.Concat(diskDescs, curveDescs) {
		ch <- d
	}
}

// Collect implements prometheus.Collector. The label cache has at most [MaxCaches] values, the
// label cause those of [NamedStats.EvictionsByCause] or, of stale values, "revalidate" and "error".
func (g *Group) Collect(ch chan<- prometheus.Metric) {
	s := g.Stats()
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	counter := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, v, labels...)
	}
	gauge(descBudget, float64(s.MaxBytes))
	gauge(descTags, float64(s.Tags))
	if r := s.Redis; r.Enabled {
		up := 0.0
		if r.Connected {
			up = 1
		}
		gauge(descRemoteUp, up)
		counter(descRemoteHits, float64(r.Hits))
		counter(descRemoteMisses, float64(r.Misses))
		counter(descRemoteErrors, float64(r.Errors))
		counter(descRemoteBad, float64(r.Malformed))
		counter(descRemoteStored, float64(r.Stored))
		counter(descRemoteDrops, float64(r.Dropped))
		counter(descRemoteHeard, float64(r.Received))
		counter(descRemoteLed, float64(r.LoadsLed))
		counter(descRemoteSpared, float64(r.LoadsFollowed))
	}
	if s.Disk.Enabled {
		s.Disk.collect(gauge, counter)
	}
	for name, n := range s.Caches {
		gauge(descEntries, float64(n.Entries), name)
		gauge(descMaxEntries, float64(n.MaxEntries), name)
		gauge(descBytes, float64(n.Bytes), name)
		gauge(descMaxBytes, float64(n.MaxBytes), name)
		counter(descHits, float64(n.Hits), name)
		counter(descMisses, float64(n.Misses), name)
		for cause, evicted := range n.EvictionsByCause {
			counter(descEvictions, float64(evicted), name, cause)
		}
		counter(descExpirations, float64(n.Expirations), name)
		counter(descInvalid, float64(n.Invalidations), name)
		counter(descRejections, float64(n.Rejections), name)
		counter(descLoads, float64(n.Loads), name)
		counter(descLoadErrors, float64(n.LoadErrors), name)
		counter(descSuperseded, float64(n.LoadsSuperseded), name)
		counter(descStale, float64(n.StaleHits), name, "revalidate")
		counter(descStale, float64(n.StaleOnErrors), name, "error")
		counter(descRefreshes, float64(n.Refreshes), name)
		counter(descRefreshErrs, float64(n.RefreshErrors), name)
		counter(descRefreshSkips, float64(n.RefreshesSkipped), name)
		counter(descNegativeHits, float64(n.NegativeHits), name)
		gauge(descNegative, float64(n.NegativeEntries), name)
		counter(descAbsent, float64(n.LoadsAbsent), name)
		gauge(descActive, float64(n.LoadsActive), name)
		counter(descLoading, n.loadSeconds, name)
		counter(descTimeSaved, n.TimeSaved, name)
		counter(descMoneySaved, n.MoneySaved, name)
		collectCurve(gauge, name, n)
		ch <- prometheus.MustNewConstHistogram(descAccess, n.AccessSamples, n.accessSeconds, n.accessBuckets, name)
	}
}
