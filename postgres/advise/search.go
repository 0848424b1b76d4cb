package advise

import (
	"cmp"
	"context"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// search is one on its way: the statements, what might help them, and what is chosen so far.
type search struct {
	cfg        Config
	engine     engine
	statements []*statement
	candidates []*index
	tables     map[[2]string]*table
	budget     float64
	deadline   time.Time
	known      map[int][]record
	asked      int

	chosen []*index
	costs  []float64 // of each statement with what is chosen
	value  float64
}

var errOutOfTime = errors.New("out of time")

// record is the price of a statement under a set. It holds for every smaller set too that has all that the
// plan used: the planner only has fewer plans to choose from, and that one is still there.
type record struct {
	set []*index
	priced
}

// recall returns what is known already of a statement under a set.
func (s *search) recall(i int, set []*index) (priced, bool) {
	for _, r := range s.known[i] {
		if len(r.set) >= len(set) && within(set, r.set) && within(r.used, set) {
			return r.priced, true
		}
	}
	return priced{}, false
}

// within reports whether all of a are in b.
func within(a, b []*index) bool {
	return !slices.ContainsFunc(a, func(x *index) bool { return !slices.Contains(b, x) })
}

// price is what statements cost under set, of which only those count that they might use.
func (s *search) price(ctx context.Context, list []int, set []*index) (map[int]priced, error) {
	if !time.Now().Before(s.deadline) {
		return nil, errOutOfTime
	}
	out := make(map[int]priced, len(list))
	groups := map[string][]int{}
	var order []string
	for _, i := range list {
		if len(s.statements[i].explain) == 0 { // it cannot be planned where the engine plans
			out[i] = priced{cost: s.statements[i].cost}
			continue
		}
		relevant := s.relevant(i, set)
		if p, ok := s.recall(i, relevant); ok {
			out[i] = p
			continue
		}
		name := nameOf(relevant)
		if groups[name] == nil {
			order = append(order, name)
		}
		groups[name] = append(groups[name], i)
	}
	for _, name := range order {
		ask := make([]*statement, len(groups[name]))
		for k, i := range groups[name] {
			ask[k] = s.statements[i]
		}
		relevant := s.relevant(groups[name][0], set)
		answers, err := s.engine.price(ctx, ask, relevant)
		if err != nil {
			return nil, err
		}
		s.asked += len(ask)
		for k, i := range groups[name] {
			s.known[i] = append(s.known[i], record{relevant, answers[k]})
			out[i] = answers[k]
		}
	}
	return out, nil
}

// relevant are the indexes of set that statement i might use.
func (s *search) relevant(i int, set []*index) []*index {
	var list []*index
	for _, x := range set {
		if slices.Contains(x.statements, i) {
			list = append(list, x)
		}
	}
	return list
}

func nameOf(set []*index) string {
	names := make([]string, len(set))
	for i, x := range set {
		names[i] = strconv.Itoa(x.number)
	}
	slices.Sort(names)
	return strings.Join(names, ",")
}

// sumPart is how much of a statement's worth is the share of its time that is saved; the rest is the logarithm of
// how many times faster it gets, ten times at most. leastRatio is that tenth.
const sumPart, leastRatio = 0.5, 0.1

// worth is what a statement contributes to the value of a set. Two measures keep each other in check: shares
// would spend the budget on what is slow already and stays so, logarithms on what is fast enough.
func (st *statement) worth(cost float64) float64 {
	ratio := math.Max(cost, 1e-9) / math.Max(st.cost, 1e-9)
	return st.weight * (sumPart*(1-ratio) + (1-sumPart)*-math.Log(math.Max(ratio, leastRatio)))
}

// evaluate returns the value of a set and the costs under it.
func (s *search) evaluate(ctx context.Context, set []*index, changed []*index) (float64, []float64, error) {
	var list []int
	for i := range s.statements {
		if slices.ContainsFunc(changed, func(x *index) bool { return slices.Contains(x.statements, i) }) {
			list = append(list, i)
		}
	}
	prices, err := s.price(ctx, list, set)
	if err != nil {
		return 0, nil, err
	}
	costs := slices.Clone(s.costs)
	for i, p := range prices {
		costs[i] = p.cost
	}
	return s.valueOf(costs, set), costs, nil
}

func (s *search) valueOf(costs []float64, set []*index) float64 {
	value := 0.0
	total := s.seconds()
	for i, st := range s.statements {
		value += st.worth(costs[i])
	}
	for _, x := range set {
		value -= x.writes / math.Max(total, 1e-9)
	}
	return value
}

// seconds a day that the workload takes.
func (s *search) seconds() float64 {
	total := 0.0
	for _, st := range s.statements {
		total += st.seconds
	}
	return total
}

func bytesOf(set []*index) float64 {
	total := 0.0
	for _, x := range set {
		total += x.size
	}
	return total
}

// prune keeps the candidates that the planner would choose for some statement if all were there, and, round
// by round, those that it would choose without the former.
func (s *search) prune(ctx context.Context, rounds int) ([][]*index, error) {
	keep := map[*index]bool{}
	var moves [][]*index
	for i, st := range s.statements {
		left := s.relevant(i, s.candidates)
		for round := 0; round < rounds && len(left) > 0; round++ {
			prices, err := s.price(ctx, []int{i}, left)
			if err != nil {
				return moves, err
			}
			p := prices[i]
			if len(p.used) == 0 || p.cost > 0.98*st.cost {
				break
			}
			var used []*index
			for _, x := range p.used {
				if !slices.Contains(used, x) {
					used = append(used, x)
				}
			}
			if len(used) > 1 {
				moves = append(moves, used)
			}
			for _, x := range used {
				keep[x] = true
			}
			left = slices.DeleteFunc(slices.Clone(left), func(x *index) bool { return slices.Contains(used, x) })
		}
	}
	for _, x := range s.candidates {
		if keep[x] || slices.ContainsFunc(s.candidates, func(o *index) bool { return keep[o] && x.begins(o) }) {
			moves = append(moves, []*index{x})
		}
	}
	return moves, s.forget(ctx, moves)
}

// forget takes from each index the statements that it changes nothing for, neither alone nor in company that
// the planner chose.
func (s *search) forget(ctx context.Context, moves [][]*index) error {
	helps := map[*index][]int{}
	for _, set := range moves {
		for i, st := range s.statements {
			if !slices.ContainsFunc(set, func(x *index) bool { return slices.Contains(x.statements, i) }) {
				continue
			}
			prices, err := s.price(ctx, []int{i}, set)
			if err != nil {
				return err
			}
			if p := prices[i]; p.cost < 0.995*st.cost {
				for _, x := range p.used {
					if !slices.Contains(helps[x], i) {
						helps[x] = append(helps[x], i)
					}
				}
			}
		}
	}
	for _, x := range s.candidates {
		x.statements = helps[x]
	}
	clear(s.known) // sets are named by what counts
	return nil
}

// move is a step of the search: indexes to add, and what it was worth when last looked at.
type move struct {
	add   []*index
	gain  float64
	score float64
	round int
}

// greedy takes the step that is worth most per byte, again and again, while the budget lasts. Worth falls as
// indexes are chosen, so an old figure bounds a new one: most steps need not be looked at again.
func (s *search) greedy(ctx context.Context, steps [][]*index) error {
	moves := make([]*move, len(steps))
	for i, add := range steps {
		moves[i] = &move{add: add, score: math.Inf(1), round: -1}
	}
	for round := 0; len(s.chosen) < s.cfg.MaxIndexes; round++ {
		best, err := s.best(ctx, moves, round)
		if err != nil || best == nil {
			return err
		}
		set := s.with(best.add)
		value, costs, err := s.evaluate(ctx, set, append(slices.Clone(best.add), s.chosen...))
		if err != nil {
			return err
		}
		s.chosen, s.costs, s.value = set, costs, value
		moves = slices.DeleteFunc(moves, func(m *move) bool { return m == best })
	}
	return nil
}

// with is what is chosen and add, without what that makes needless.
func (s *search) with(add []*index) []*index {
	var set []*index
	for _, x := range s.chosen {
		if !slices.ContainsFunc(add, func(a *index) bool { return a != x && x.coveredBy(a) }) && !slices.Contains(add, x) {
			set = append(set, x)
		}
	}
	return append(set, add...)
}

func (s *search) best(ctx context.Context, moves []*move, round int) (*move, error) {
	slices.SortFunc(moves, func(a, b *move) int { return cmp.Compare(b.score, a.score) })
	var best *move
	for _, m := range moves {
		if best != nil && m.score <= best.score {
			break
		}
		set := s.with(m.add)
		bytes := bytesOf(set)
		if bytes > s.budget {
			m.score, m.gain = 0, 0
			continue
		}
		value, _, err := s.evaluate(ctx, set, append(slices.Clone(m.add), s.chosen...))
		if err != nil {
			return nil, err
		}
		m.round, m.gain = round, value-s.value
		m.score = m.gain / math.Max(1, bytes-bytesOf(s.chosen))
		if m.gain > s.cfg.MinGainRatio && (best == nil || m.score > best.score) {
			best = m
		}
	}
	return best, nil
}

// maxExchanges bounds how often the search goes over what it has chosen.
const maxExchanges = 3

// polish exchanges what is chosen for what is better in its place, then drops what is of next to no use
// beside the others.
func (s *search) polish(ctx context.Context, steps [][]*index) error {
	for range maxExchanges {
		improved := false
		for _, out := range append(slices.Clone(s.chosen), nil) { // nil: nothing goes
			rest := without(s.chosen, out)
			better, err := s.exchange(ctx, rest, steps)
			if err != nil {
				return err
			}
			improved = improved || better
		}
		if !improved {
			break
		}
	}
	for _, out := range slices.Clone(s.chosen) {
		rest := without(s.chosen, out)
		value, costs, err := s.evaluate(ctx, rest, s.chosen)
		if err != nil {
			return err
		}
		if value >= s.value-s.cfg.MinGainRatio/2 {
			s.chosen, s.costs, s.value = rest, costs, value
		}
	}
	return nil
}

func without(set []*index, out *index) []*index {
	return slices.DeleteFunc(slices.Clone(set), func(x *index) bool { return x == out })
}

// exchange takes the best step to add to rest, if that is better than what is chosen.
func (s *search) exchange(ctx context.Context, rest []*index, steps [][]*index) (bool, error) {
	var (
		best  []*index
		costs []float64
	)
	value := s.value + s.cfg.MinGainRatio/4
	for _, add := range steps {
		set := slices.Clone(rest)
		for _, x := range add {
			if !slices.Contains(set, x) {
				set = append(set, x)
			}
		}
		if bytesOf(set) > s.budget || len(set) > s.cfg.MaxIndexes {
			continue
		}
		v, c, err := s.evaluate(ctx, set, append(slices.Clone(add), s.chosen...))
		if err != nil {
			return false, err
		}
		if v > value {
			best, costs, value = set, c, v
		}
	}
	if best == nil {
		return false, nil
	}
	s.chosen, s.costs, s.value = best, costs, value
	return true, nil
}
