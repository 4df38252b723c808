package record

import (
	"strconv"
	"testing"
)

// sizes are the bodies of a rollout section, of a node section and of the largest one.
var sizes = []int{110, 1500, MaxBody}

// bench runs one benchmark for every size of body.
func bench(b *testing.B, one func(b *testing.B, s Signer, r Record)) {
	s := signer("fleet", 1)
	for _, size := range sizes {
		b.Run(strconv.Itoa(size), func(b *testing.B) {
			r := mustSign(b, s, "node", Stamp{1_790_000_000, 1}, make([]byte, size))
			b.ReportAllocs()
			one(b, s, r)
		})
	}
}

func BenchmarkSign(b *testing.B) {
	bench(b, func(b *testing.B, s Signer, r Record) {
		for b.Loop() {
			_, _ = s.Sign(r.Section, r.Stamp, r.Body)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	bench(b, func(b *testing.B, _ Signer, r Record) {
		for b.Loop() {
			if err := r.Verify("fleet"); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	bench(b, func(b *testing.B, _ Signer, r Record) {
		for b.Loop() {
			if _, err := Decode(r.Encoded); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkIDString(b *testing.B) {
	id := signer("fleet", 1).ID()
	b.ReportAllocs()
	for b.Loop() {
		_ = id.String()
	}
}
