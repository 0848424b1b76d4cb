package tpch

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

//go:embed queries.sql
var queriesSQL string

// Query is one of the 22 statements with its parameters drawn.
type Query struct {
	// Name is Q1 to Q22.
	Name string
	SQL  string
	// Outlier tells that without indexes it takes minutes where the others take seconds.
	Outlier bool
}

// hole is {name} or {name:least-most}.
var hole = regexp.MustCompile(`\{(\w+)(?::(\d+)-(\d+))?\}`)

var lists = map[string][]string{
	"metal":    {"TIN", "NICKEL", "BRASS", "STEEL", "COPPER"},
	"region":   {"AFRICA", "AMERICA", "ASIA", "EUROPE", "MIDDLE EAST"},
	"segment":  {"AUTOMOBILE", "BUILDING", "FURNITURE", "MACHINERY", "HOUSEHOLD"},
	"nation":   {"FRANCE", "KENYA", "CHINA", "PERU", "SAUDI ARABIA", "GERMANY", "INDIA"},
	"other":    {"BRAZIL", "JAPAN", "CANADA", "EGYPT", "ROMANIA"},
	"colour":   {"forest", "green", "azure", "coral", "dark", "honeydew"},
	"mode":     {"SHIP", "RAIL", "AIR", "TRUCK", "FOB"},
	"type":     {"ECONOMY ANODIZED STEEL", "SMALL PLATED COPPER", "LARGE BRUSHED BRASS", "PROMO POLISHED TIN"},
	"brand":    {"Brand#12", "Brand#25", "Brand#31", "Brand#43", "Brand#54"},
	"contents": {"CASE", "BOX", "BAG", "JAR", "PKG", "PACK", "CAN", "DRUM"},
}

// Queries returns the 22 statements for a database of this scale factor. The same seed draws the same
// parameters.
func Queries(sf float64, seed uint64) []Query {
	draw := rand.New(rand.NewPCG(seed, 22))
	var queries []Query
	for i, text := range strings.Split("\n"+queriesSQL, "\n-- ")[1:] {
		_, sql, _ := strings.Cut(text, "\n")
		drawn := map[string]string{"{scale}": strconv.FormatFloat(sf, 'g', -1, 64)}
		sql = hole.ReplaceAllStringFunc(sql, func(h string) string {
			if _, ok := drawn[h]; !ok {
				drawn[h] = value(draw, hole.FindStringSubmatch(h))
			}
			return drawn[h]
		})
		number := i + 1
		queries = append(queries, Query{
			Name: "Q" + strconv.Itoa(number), SQL: strings.TrimSpace(sql), Outlier: number == 17 || number == 20,
		})
	}
	return queries
}

// value draws what fills a hole.
func value(draw *rand.Rand, h []string) string {
	if h[2] != "" {
		least, _ := strconv.Atoi(h[2])
		most, _ := strconv.Atoi(h[3])
		return strconv.Itoa(least + draw.IntN(most-least+1))
	}
	switch h[1] {
	case "quarter":
		return fmt.Sprintf("%d-%02d-01", 1993+draw.IntN(4), 1+3*draw.IntN(4))
	case "month":
		return fmt.Sprintf("%d-%02d-01", 1993+draw.IntN(4), 1+draw.IntN(12))
	case "container":
		return []string{"SM ", "LG ", "MED ", "JUMBO ", "WRAP "}[draw.IntN(5)] + pick(draw, "contents")
	case "sizes":
		return several(draw, 8, 1, 50, "%d")
	case "codes":
		return several(draw, 7, 10, 34, "'%d'")
	}
	return pick(draw, h[1])
}

func pick(draw *rand.Rand, list string) string { return lists[list][draw.IntN(len(lists[list]))] }

// several writes n different numbers from least to most.
func several(draw *rand.Rand, n, least, most int, format string) string {
	parts := make([]string, n)
	for i, k := range draw.Perm(most - least + 1)[:n] {
		parts[i] = fmt.Sprintf(format, least+k)
	}
	return strings.Join(parts, ", ")
}
