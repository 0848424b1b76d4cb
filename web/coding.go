package web

import (
	"strconv"
	"strings"
)

// suffixes of the files that hold a content coding.
var suffixes = map[string]string{"br": ".br", "gzip": ".gz"}

// preferred are the codings, smallest result first.
var preferred = []string{"br", "gzip"}

// negotiate chooses the coding to answer with (RFC 9110, 12.5.3): of those that the client
// takes and the file has, the one it wants most, and the smallest of equals. "" is none: it
// is also what a client gets that takes nothing we have.
func negotiate(accept []string, have map[string]body) string {
	weights := weigh(accept)
	best, most := "", 0.0
	for _, coding := range preferred {
		if _, ok := have[coding]; !ok {
			continue
		}
		if q := weightOf(weights, coding); q > most {
			best, most = coding, q
		}
	}
	if q, named := weights["identity"]; named && q > most {
		return ""
	}
	return best
}

// weigh reads Accept-Encoding. A coding with a weight that is no number is left out.
func weigh(accept []string) map[string]float64 {
	weights := map[string]float64{}
	for _, line := range accept {
		for part := range strings.SplitSeq(line, ",") {
			coding, params, _ := strings.Cut(part, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding == "" {
				continue
			}
			q := 1.0
			if name, value, found := strings.Cut(strings.TrimSpace(params), "="); found && strings.EqualFold(name, "q") {
				parsed, err := strconv.ParseFloat(value, 64)
				if err != nil || !(parsed >= 0 && parsed <= 1) {
					continue
				}
				q = parsed
			}
			weights[coding] = q
		}
	}
	return weights
}

func weightOf(weights map[string]float64, coding string) float64 {
	if q, named := weights[coding]; named {
		return q
	}
	return weights["*"]
}
