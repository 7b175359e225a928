package mapping

import "strings"

// Suggest returns the candidate that word is most likely a slip of, or "" if none is near. Two neighbours swapped count
// as one slip, and so does another case of all letters.
func Suggest(word string, candidates []string) string {
	best, fewest := "", max(1, len([]rune(word))/3)+1
	for _, c := range candidates {
		if c == word {
			continue
		}
		slips := slips(strings.ToLower(word), strings.ToLower(c))
		if slips < fewest && slips < len([]rune(c)) {
			best, fewest = c, slips
		}
	}
	return best
}

// slips is the optimal string alignment distance: insertions, deletions, replacements and swaps of neighbours.
func slips(a, b string) int {
	from, to := []rune(a), []rune(b)
	var before []int
	last := make([]int, len(to)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(from); i++ {
		row := make([]int, len(to)+1)
		row[0] = i
		for j := 1; j <= len(to); j++ {
			cost := 1
			if from[i-1] == to[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && from[i-1] == to[j-2] && from[i-2] == to[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(to)]
}

// didYouMean is Suggest as the fix of a fault; without a near one it lists the candidates.
func didYouMean(word string, candidates []string) string {
	if near := Suggest(word, candidates); near != "" {
		return "did you mean " + near + "?"
	}
	return "one of " + strings.Join(candidates, ", ")
}
