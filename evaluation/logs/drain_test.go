package main

import "strings"

// drain is the rival: He, Zhu, Zheng, Lyu, Drain: an online log parsing approach
// with fixed depth tree (ICWS 2017), written from the paper: a tree by number of
// tokens and first tokens, then the most similar group of the leaf. Its defaults
// are those of the paper's implementations: depth 4, similarity .4, 100 children.
type drain struct {
	root   map[int]*drainNode
	groups int
}

type drainNode struct {
	children map[string]*drainNode
	groups   []*drainGroup
}

type drainGroup struct {
	id       int
	template []string
}

const (
	drainDepth      = 4 // root and leaf counted, so that two tokens lead
	drainSimilarity = 0.4
	drainChildren   = 100
	drainMask       = "<*>"
)

func newDrain() *drain { return &drain{root: map[int]*drainNode{}} }

// add returns the group of a line, learning from it.
func (d *drain) add(line string) int {
	tokens := strings.Fields(line)
	node := d.root[len(tokens)]
	if node == nil {
		node = &drainNode{}
		d.root[len(tokens)] = node
	}
	for _, t := range tokens[:min(len(tokens), drainDepth-2)] {
		if strings.ContainsAny(t, "0123456789") {
			t = drainMask
		}
		next := node.children[t]
		if next == nil {
			if node.children == nil {
				node.children = map[string]*drainNode{}
			}
			if len(node.children) >= drainChildren-1 {
				t = drainMask // all others share a child
			}
			if next = node.children[t]; next == nil {
				next = &drainNode{}
				node.children[t] = next
			}
		}
		node = next
	}
	var best *drainGroup
	bestSame, bestMasks := -1, -1
	for _, g := range node.groups {
		same, masks := 0, 0
		for i, t := range g.template {
			if t == drainMask {
				masks++
			} else if t == tokens[i] {
				same++
			}
		}
		if same > bestSame || same == bestSame && masks > bestMasks {
			best, bestSame, bestMasks = g, same, masks
		}
	}
	if best == nil || float64(bestSame) < drainSimilarity*float64(len(tokens)) {
		d.groups++
		g := &drainGroup{d.groups, append([]string(nil), tokens...)}
		node.groups = append(node.groups, g)
		return g.id
	}
	for i, t := range tokens {
		if best.template[i] != t {
			best.template[i] = drainMask
		}
	}
	return best.id
}

// drainGroups groups lines by Drain, levels and loggers apart as ours are.
func drainGroups(lines []labelledLine) []int {
	type source struct{ level, logger string }
	trees := map[source]*drain{}
	type group struct {
		source
		id int
	}
	numbers := map[group]int{}
	of := make([]int, len(lines))
	for i, line := range lines {
		s := source{line.level.String(), line.logger}
		if trees[s] == nil {
			trees[s] = newDrain()
		}
		g := group{s, trees[s].add(line.message)}
		if _, ok := numbers[g]; !ok {
			numbers[g] = len(numbers)
		}
		of[i] = numbers[g]
	}
	return of
}
