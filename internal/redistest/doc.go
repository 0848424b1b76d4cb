// Package redistest starts throw-away Redis servers for tests.
//
//	server := redistest.Start(t) // stopped when the test ends
//	client, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr()}})
//
// A server has a directory of its own, listens on a free port of 127.0.0.1 only and writes
// nothing for keeps. Tests break it as operations do: [Server.Kill] and [Server.Restart],
// [Server.Pause] (it accepts connections and answers nothing) and [Server.Resume], and the network
// before it with a [Proxy]. [StartSentinel] watches a master and fails over to its replica.
//
// Without redis-server or valkey-server on the PATH, Start skips the test by name, and fails it
// where the environment has CI set.
//
// When the test process is killed, on Linux the kernel stops the servers too; on other systems
// they outlive it.
package redistest
