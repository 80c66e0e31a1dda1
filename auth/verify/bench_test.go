package verify_test

import (
	"testing"

	"github.com/wugan/wugan/auth/verify"
)

// Cold is a token that was never seen; Cached is one that was. The second is to
// stay under a microsecond with any algorithm.

func BenchmarkVerifyES256Cold(b *testing.B)   { benchmarkVerify(b, verify.ES256, 0) }
func BenchmarkVerifyES256Cached(b *testing.B) { benchmarkVerify(b, verify.ES256, 100) }
func BenchmarkVerifyEdDSACold(b *testing.B)   { benchmarkVerify(b, verify.EdDSA, 0) }
func BenchmarkVerifyEdDSACached(b *testing.B) { benchmarkVerify(b, verify.EdDSA, 100) }
func BenchmarkVerifyRS256Cold(b *testing.B)   { benchmarkVerify(b, verify.RS256, 0) }
func BenchmarkVerifyRS256Cached(b *testing.B) { benchmarkVerify(b, verify.RS256, 100) }
func BenchmarkVerifyHS256Cold(b *testing.B)   { benchmarkVerify(b, verify.HS256, 0) }
func BenchmarkVerifyHS256Cached(b *testing.B) { benchmarkVerify(b, verify.HS256, 100) }

func benchmarkVerify(b *testing.B, algorithm string, cache int) {
	b.Helper()
	v := verifier(verify.WithCache(cache))
	token := signers()[algorithm].good()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := v.Verify(b.Context(), token); err != nil {
			b.Fatal(err)
		}
	}
}
