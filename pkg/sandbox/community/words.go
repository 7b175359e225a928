package community

import "strings"

var names = []string{
	"anna", "bela", "chloe", "dimitri", "emeka", "fatima", "goran", "hanna", "ines", "jonas", "kenji", "lea", "mateo", "nadia",
	"olga", "pavel", "quentin", "rosa", "sven", "tariq", "ursula", "vera", "wim", "xenia", "yusuf", "zoe",
}

// cities fit into latin1; the first third is outside of ASCII.
var cities = []string{"Köln", "Málaga", "Århus", "Besançon", "Berlin", "Porto", "Gent", "Turin", "Leeds", "Graz", "Brno", "Riga"}

const latin1Cities = 4

var countryCodes = []string{"AT", "CI", "DE", "FR", "GR", "JP", "NO", "PL", "XX"} // the last is in no table

var words = strings.Fields(`the a my your this that old new garden kitchen train bicycle window river morning question answer
	recipe neighbour bread tomato violin market island winter letter always never perhaps slowly again works breaks grows
	asks finds keeps sells makes reads naïve café größer déjà señor smörgås`)

// sentence draws between low and high words.
func (p *population) sentence(stream uint64, i, low, high int) string {
	var text strings.Builder
	for n := range low + p.below(stream, i, high-low+1) {
		if n > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(words[p.below(stream+1, i*64+n, len(words))])
	}
	return text.String()
}
