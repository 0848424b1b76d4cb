// Package diskcache is a second tier of package cache in a directory of one process, which it
// survives: after a restart the values are there again, kill -9 or not.
//
//	disk, err := diskcache.New(diskcache.Config{Dir: "/var/lib/app/cache", MaxBytes: 1 << 30}, logger)
//	if err != nil {
//		return err
//	}
//	group, err := cache.NewShared(cfg, disk)
//	if err != nil {
//		return err
//	}
//	go group.Run(ctx) // opens the directory, and closes it
//
// New opens nothing, and a directory that cannot be used costs a start nothing: the group then
// works in memory alone, and the figures say why.
//
// # What is in the directory
//
// A log: numbered files, to the last of which records are appended. A record is a value, the
// mark of a removed one, or the generation of a name; the last record of a key counts. An index in memory
// says where it is, by a 64-bit hash of the key; the key itself is compared when it is read.
//
// [Config.MaxBytes] bounds the files together, at every moment: the oldest file, a sixteenth of
// the whole, goes before a record is written that would not fit. What is read from the older
// half of the files is written again at the front, so that it is the cold that leaves.
// [Config.MaxEntries] bounds the index in the same way.
//
// # Crashes
//
// What [Tier.Apply] returned without an error survives the end of the process, however it ends.
// An invalidation or a replacement survives a power cut too: it is synchronised before Apply
// returns, which no caller waits for. Other values are synchronised once a second. What the
// group had not yet handed over is lost, invalidations too: those of the last few milliseconds
// before a kill -9. Their values may be read until their time is over.
//
// # Damage
//
// Each record has two checksums, one of its head and key, one of its value. A damaged value is a
// miss. Where a head is damaged, an invalidation may have been there, so all that is older is
// forgotten: the files are removed, counted and named in the log. The end of the last file alone
// may be torn, beyond what was acknowledged, which the file head tells.
//
// # A disk that fails
//
// When a write fails, half of the files make room and it is tried again; when it fails again
// they all go, memory serves alone, and the directory is tried every few seconds. Three reads in
// a row that take longer than [SlowRead] stop further ones for a second.
//
// # What it does not do
//
// It is not shared: a second process is refused the directory. It does not encrypt or
// authenticate: who can write the files can make values. A disk that becomes read-only while the
// process runs, and writable again after it ended, still has what was invalidated in between. A
// read that the operating system never finishes is not cut off; at most [maxReads] callers can
// wait in one.
package diskcache
