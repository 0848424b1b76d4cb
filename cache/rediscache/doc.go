// Package rediscache is the second tier of package cache on Redis or Valkey.
//
//	remote, err := rediscache.New(rediscache.Config{URL: "redis://127.0.0.1:6379/0"}, logger)
//	if err != nil {
//		return err
//	}
//	group, err := cache.NewShared(cfg, remote)
//	if err != nil {
//		return err
//	}
//	go group.Run(ctx) // connects, and reconnects by itself
//
// New opens nothing: a server that is down costs a start nothing, and the tier is not asked until
// it is there.
//
// # URL
//
//	redis://user:password@host:6379/0              one server
//	rediss://host:6380                             the same by TLS; valkey and valkeys serve too
//	redis+cluster://host1:6379?addr=host2:6379     a cluster, by one or some of its servers
//	redis+sentinel://host1:26379?addr=host2:26379&master_set=main
//	unix:///run/redis.sock?db=0
//
// With TLS, ca=FILE names the authority to believe instead of the system's, or a server's own
// certificate; cert=FILE and key=FILE are the client's, server_name=NAME what all servers'
// certificates are for, if not for their addresses. All are PEM, read by [New]. skip_verify is
// refused: whoever is between could read values and make them up.
//
// Further parameters are those of github.com/redis/rueidis: dial_timeout, write_timeout,
// protocol=2, client_name.
//
// # When the server fails
//
// A lookup waits [Config.LookupTimeout] at most, or what [cache.Patience] says, as it does for a few
// loads at a time that would otherwise be made twice. After [breakerFailures] failures in a row, which
// answers that come late do not interrupt, nobody waits any more: lookups fail at once until a probe,
// which no caller waits for, was answered as fast as a lookup must be. BenchmarkOutage says what each
// fault costs callers.
//
// A server that refuses writes, as it is full or a replica, is read all the same. For [holdFor] after
// a refusal no lease is asked for and no value sent; invalidations always are.
//
// The feed is a subscription on a connection of its own. Twice a second a message is sent to
// oneself through it: it lives while these come back in time, so that a server that accepts and
// does not answer is noticed as well as a closed connection, half a second after
// [Config.FeedTimeout] at the latest.
//
// Replies are looked at before the client has them: a length beyond any value, what is no reply
// at all, or one that nobody asked for ends the connection, and costs neither memory nor a panic.
//
// # What is in the server
//
// Values under prefix:2:e:{cache/key}, each with a version of its own, by which a store finds out
// whether it may still come. In the place of a removed value is a mark, for
// [cache.RemoteMarkTTL]. Generations are random tokens under prefix:2:g:…, kept as long as what
// was stored under them. Everything has a time to live, so that nothing is left of what is dead.
// Leases of loads are under prefix:2:l:{cache/key}, for two seconds at a time. Generations and leases
// that the server evicts early cost misses and loads, never wrong values; for marks that it evicts
// early, see cache.
//
// A replica that takes over may lack the last invalidations, as replication does not wait. When
// the feed is back, the server is asked who it is: of the same run all is believed; of the replica
// of the one before, what was invalidated in the ten seconds before the feed was lost is
// invalidated again, by each process that did it or heard of it, before it reads; a server that was
// started again from what it had on disk is believed nothing.
//
// In a cluster the servers pass messages on to each other, so the feed hangs on the one that it is
// subscribed at, and only the loss of that one is noticed so. When another comes back empty,
// nothing that was invalidated is read; when its replica takes over, or it comes back with an old
// copy, what was invalidated last may be, until its time is over: a short TTL bounds that. While
// it is away, lookups of what it has fail, and all do where it has the generation of the cache or
// of a tag. A message that is lost between servers without a connection breaking is not noticed.
package rediscache
