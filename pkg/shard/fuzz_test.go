package shard

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"rehome/pkg/checksum"
)

// FuzzDecode: whatever comes in on a subject is refused, or is a message that is written and read again as it was.
func FuzzDecode(f *testing.F) {
	for _, message := range messages {
		body, err := Encode(message)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Add([]byte(`{"migration":"m","tables":[{"expected_checksum":"zz"}]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, message := range messages {
			kind := reflect.TypeOf(message).Elem()
			first := reflect.New(kind).Interface()
			if Decode(body, first) != nil {
				continue
			}
			written, err := Encode(first)
			if err != nil {
				t.Fatalf("%T was read and cannot be written: %v", first, err)
			}
			second := reflect.New(kind).Interface()
			if err := Decode(written, second); err != nil {
				t.Fatalf("%T cannot be read again: %v", first, err)
			}
			if diff := cmp.Diff(first, second, cmpopts.EquateComparable(checksum.Sum{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatal(diff)
			}
		}
	})
}
