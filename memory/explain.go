package memory

// RSS says what the resident memory of the process is made of. The parts add up to
// TotalBytes where the system tells resident memory by kind, as Linux does.
type RSS struct {
	TotalBytes int64 `json:"total_bytes"`
	// HeapLiveBytes is what the last collection found in use; HeapNewBytes was allocated since
	// or is not swept yet: garbage in part.
	HeapLiveBytes int64 `json:"heap_live_bytes"`
	HeapNewBytes  int64 `json:"heap_new_bytes"`
	// HeapFreeBytes hold no object and are not returned to the system, as far as they are resident.
	HeapFreeBytes int64 `json:"heap_free_bytes"`
	StacksBytes   int64 `json:"stacks_bytes"`
	// RuntimeBytes are the runtime's own tables and profiles.
	RuntimeBytes int64 `json:"runtime_bytes"`
	// OffHeapBytes is anonymous memory that the Go runtime does not hold: of C, or mapped.
	OffHeapBytes int64 `json:"off_heap_bytes"`
	// FileBytes are of files mapped, the program itself among them; the kernel can drop them.
	// SharedBytes are of shared memory.
	FileBytes   int64 `json:"file_bytes"`
	SharedBytes int64 `json:"shared_bytes"`
	// SwappedBytes are not in TotalBytes: the kernel has written them out.
	SwappedBytes int64 `json:"swapped_bytes"`
	// Reason says in a sentence what most of it is.
	Reason string `json:"reason"`
}

// explain divides resident memory. What the runtime holds may never have been touched, and
// then is not resident: free pages come first, then what is newest.
func explain(p Process, h Heap) RSS {
	r := RSS{
		TotalBytes: p.RSSBytes, FileBytes: p.RSSFileBytes, SharedBytes: p.RSSSharedBytes, SwappedBytes: p.SwapBytes,
		HeapLiveBytes: min(h.LiveBytes, h.ObjectsBytes), StacksBytes: h.StacksBytes, RuntimeBytes: h.OverheadBytes,
		HeapFreeBytes: h.FreeBytes + h.UnusedBytes,
	}
	r.HeapNewBytes = h.ObjectsBytes - r.HeapLiveBytes
	anonymous := p.RSSAnonBytes
	if anonymous == 0 { // not Linux
		anonymous = p.RSSBytes
	}
	over := anonymous - h.HeldBytes
	if over >= 0 {
		r.OffHeapBytes = over
	} else {
		for _, part := range []*int64{&r.HeapFreeBytes, &r.RuntimeBytes, &r.HeapNewBytes, &r.StacksBytes, &r.HeapLiveBytes} {
			cut := min(*part, -over)
			*part, over = *part-cut, over+cut
		}
	}
	r.Reason = r.reason()
	return r
}

// reason names the largest part and what to do about it.
func (r RSS) reason() string {
	largest, size := "", int64(0)
	for _, part := range []struct {
		bytes int64
		text  string
	}{
		{r.HeapLiveBytes, "live objects: see the top sites for who keeps them"},
		{r.HeapNewBytes, "objects made since the last collection, garbage in part: the next collection tells"},
		{r.HeapFreeBytes, "free pages that the runtime has not returned yet: they go back on their own"},
		{r.StacksBytes, "stacks of goroutines: see whether their number rises"},
		{r.RuntimeBytes, "the runtime's own tables"},
		{r.OffHeapBytes, "memory outside of Go's heap: of C libraries or mapped by the program"},
		{r.FileBytes, "mapped files, which the kernel can drop"},
		{r.SharedBytes, "shared memory"},
	} {
		if part.bytes > size {
			largest, size = part.text, part.bytes
		}
	}
	if size == 0 {
		return ""
	}
	return inMiB(size) + " of " + inMiB(r.TotalBytes) + " are " + largest
}
