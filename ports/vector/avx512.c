/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The scan with AVX-512: eight entries, a cache line, a load. */
#if defined(__x86_64__)

#include "ports/vector/vector.h"

#include <immintrin.h>

#define PTW_AVX512 target("avx512f,avx512bw,avx512dq,avx512vl"), no_sanitize("thread")

struct ptw_avx512 {
	__m512i wanted; /* the bit, in each entry */
	__m512i seen;
};

/*
 * Of the line at `slot`, which entries have the bit. A test for each line: putting the halves of two together
 * for one test has fewer instructions and is slower next to locked ones. Entries change at any time: the
 * compiler must not read one again.
 */
static inline __attribute__((always_inline, PTW_AVX512)) uint64_t ptw_avx512_line(
	struct ptw_avx512 *s, const uint64_t *slot, const uint64_t *ahead)
{
	const __m512i line = *(const volatile __m512i *)(const void *)slot;

	__builtin_prefetch(ahead);
	s->seen = _mm512_or_si512(s->seen, line);
	return _mm512_test_epi64_mask(line, s->wanted);
}

__attribute__((PTW_AVX512)) PTW_SCAN(ptw_scan_avx512)
{
	struct ptw_avx512 s = {
		.wanted = _mm512_set1_epi64((long long)bit),
		.seen = _mm512_setzero_si512(),
	};

	for (unsigned int w = 0; w < words; w++, slot += 64, ahead += 64) {
		uint64_t found = 0;

#pragma GCC unroll 8
		for (unsigned int i = 0; i < 64; i += 8)
			found |= ptw_avx512_line(&s, slot + i, ahead + i) << i;
		young[w] = found;
	}
	return (uint64_t)_mm512_reduce_or_epi64(s.seen);
}

#endif
