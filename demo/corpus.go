package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// The size of the corpus: what the retriever searches.
const (
	documentCount     = 2000
	chunksPerDocument = 15
	topicCount        = 240
	questionCount     = 600
)

// document is one text of the corpus.
type document struct {
	ID    int
	Title string
	Topic string
}

// chunk is one passage of a document, as the retriever returns it.
type chunk struct {
	ID         int     `json:"id"`
	DocumentID int     `json:"document_id"`
	Position   int     `json:"position"`
	Topic      string  `json:"topic"`
	Content    string  `json:"content"`
	Score      float64 `json:"score"`
}

// corpus is made from a seed and never changes: the same seed is the same text.
type corpus struct {
	documents []document
	chunks    []chunk // those of a document stand together, in order
	questions []string
	byTopic   map[string][]int // indexes of chunks
}

var (
	subjects = []string{
		"pump", "valve", "sensor", "gearbox", "boiler", "turbine", "conveyor", "compressor", "inverter", "battery",
		"antenna", "reactor", "furnace", "crane", "filter", "coupling",
	}
	aspects = []string{
		"pressure", "vibration", "leakage", "calibration", "corrosion", "start-up", "shutdown", "lubrication",
		"overheating", "wiring", "replacement", "inspection", "noise", "efficiency", "storage",
	}
	phrases = []string{
		"was measured at the inlet after", "must be checked before", "falls quickly when it meets",
		"is recorded by the night shift with", "depends on the load and on", "should never be combined with",
		"improves within an hour of", "was replaced twice because of", "is documented together with",
		"rises slowly during", "has no effect on", "explains most of the cost of",
	}
	askings = []string{
		"How do I deal with %s of the %s?", "What causes %s in a %s?", "When is %s of a %s dangerous?",
		"Who checks %s on the %s?", "What did we learn about %s and the %s?",
	}
)

func newCorpus(seed uint64) *corpus {
	rng := rand.New(rand.NewPCG(seed, 1))
	c := &corpus{byTopic: make(map[string][]int, topicCount)}
	for id := 1; id <= documentCount; id++ {
		subject, aspect := topicOf(rng.IntN(topicCount))
		doc := document{ID: id, Title: fmt.Sprintf("Note %d on the %s", id, subject), Topic: aspect + " " + subject}
		c.documents = append(c.documents, doc)
		for position := range chunksPerDocument {
			c.byTopic[doc.Topic] = append(c.byTopic[doc.Topic], len(c.chunks))
			c.chunks = append(c.chunks, chunk{
				ID: len(c.chunks) + 1, DocumentID: id, Position: position, Topic: doc.Topic,
				Content: passage(rng, subject, aspect),
			})
		}
	}
	for i := range questionCount {
		subject, aspect := topicOf(i % topicCount)
		c.questions = append(c.questions, fmt.Sprintf(askings[i/topicCount], aspect, subject))
	}
	return c
}

func topicOf(i int) (subject, aspect string) {
	return subjects[i%len(subjects)], aspects[i/len(subjects)%len(aspects)]
}

// passage writes a few sentences about one topic.
func passage(rng *rand.Rand, subject, aspect string) string {
	var b strings.Builder
	for range 5 {
		other, otherAspect := topicOf(rng.IntN(topicCount))
		fmt.Fprintf(&b, "The %s of %s %d %s the %s of the %s. ", aspect, subject, 1+rng.IntN(90),
			phrases[rng.IntN(len(phrases))], otherAspect, other)
	}
	return strings.TrimSpace(b.String())
}

// topicIn finds the topic that a question is about, "" when there is none.
func topicIn(question string) string {
	subject, aspect := "", ""
	for word := range strings.FieldsFuncSeq(strings.ToLower(question), isSeparator) {
		subject = pick(subject, word, subjects)
		aspect = pick(aspect, word, aspects)
	}
	if subject == "" || aspect == "" {
		return ""
	}
	return aspect + " " + subject
}

// pick returns word when it is one of known and nothing was found before.
func pick(found, word string, known []string) string {
	if found != "" {
		return found
	}
	for _, k := range known {
		if k == word {
			return word
		}
	}
	return ""
}

func isSeparator(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-'
	return !letter
}
