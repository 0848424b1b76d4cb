package llm

import (
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The headers with which a request says whose it is. What is not said here may be in W3C baggage.
const (
	HeaderAgent  = "X-Upshift-Agent"
	HeaderRun    = "X-Upshift-Run"
	HeaderStep   = "X-Upshift-Step"
	HeaderTenant = "X-Upshift-Tenant"
)

// Labels say whose a request is. Each may be empty. They are claims of the client: good for
// accounts, not for access.
type Labels struct{ Agent, Run, Step, Tenant string }

// maxBaggage bounds the bytes of baggage that are read, as the standard does.
const maxBaggage = 8192

// LabelsOf reads the labels of a request's headers: those of upshift, else the members of baggage
// that OpenTelemetry names for the purpose (gen_ai.agent.name, gen_ai.conversation.id) or that are
// called alike (upshift.agent, upshift.run, upshift.step, upshift.tenant). Names above 128 bytes or
// with control characters count as none.
func LabelsOf(h http.Header) Labels {
	l := Labels{
		Agent: headerName(h, HeaderAgent), Run: headerName(h, HeaderRun),
		Step: headerName(h, HeaderStep), Tenant: headerName(h, HeaderTenant),
	}
	if lists := h["Baggage"]; len(lists) > 0 {
		l.fill(lists)
	}
	return l
}

func headerName(h http.Header, key string) string {
	if v := h[key]; len(v) > 0 {
		return name(strings.TrimSpace(v[0]))
	}
	return ""
}

// fill takes what is not known yet from baggage; earlier members and better names win.
func (l *Labels) fill(lists []string) {
	var found Labels
	left := maxBaggage
	for _, list := range lists {
		if left -= len(list); left < 0 {
			break
		}
		for member := range strings.SplitSeq(list, ",") {
			key, value, ok := strings.Cut(member, "=")
			if !ok {
				continue
			}
			value, _, _ = strings.Cut(value, ";") // properties
			l.put(&found, strings.TrimSpace(key), strings.TrimSpace(value))
		}
	}
	for _, p := range []struct{ to, from *string }{
		{&l.Agent, &found.Agent}, {&l.Run, &found.Run}, {&l.Step, &found.Step}, {&l.Tenant, &found.Tenant},
	} {
		if *p.to == "" {
			*p.to = *p.from
		}
	}
}

// put sorts a member of baggage in: what has upshift's name at once, others for later.
func (l *Labels) put(found *Labels, key, value string) {
	var to *string
	own := strings.HasPrefix(key, "upshift.")
	into := found
	if own {
		into = l
	}
	switch key {
	case "upshift.agent", "gen_ai.agent.name":
		to = &into.Agent
	case "upshift.run", "gen_ai.conversation.id":
		to = &into.Run
	case "upshift.step":
		to = &into.Step
	case "upshift.tenant":
		to = &into.Tenant
	default:
		return
	}
	if *to != "" {
		return
	}
	if decoded, err := url.PathUnescape(value); err == nil {
		*to = name(decoded)
	}
}

// printable reports whether s is text without control characters.
func printable(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
