/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What memory gives: the widest loads that the processor has, ORed together, in loops that do nothing
 * else. Tables are aligned to their size, so no load straddles two lines.
 */
#include "floor.h"

#include <stddef.h>

#include "tables.h"

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define LINE_ENTRIES 8

/* Line `i` of the table after `t`, where there is one: the one that is read after as many loads. */
static inline __attribute__((always_inline)) void read_ahead(uint64_t *const *tables,
							     uint64_t count, uint64_t t,
							     unsigned int i, bool ahead)
{
	if (ahead)
		__builtin_prefetch(tables[t + 1 < count ? t + 1 : t] + i);
}

#if defined(__x86_64__)

static inline __attribute__((always_inline, target("avx512f"))) uint64_t
read_avx512(uint64_t *const *tables, uint64_t count, bool ahead)
{
	__m512i any[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
			  _mm512_setzero_si512()};
	uint64_t entry[8];
	uint64_t all = 0;

	for (uint64_t t = 0; t < count; t++) {
		for (unsigned int i = 0; i < TABLE_ENTRIES; i += 4 * LINE_ENTRIES) {
			for (unsigned int k = 0; k < 4; k++) {
				const uint64_t *line = tables[t] + i + k * LINE_ENTRIES;

				read_ahead(tables, count, t, i + k * LINE_ENTRIES, ahead);
				any[k] = _mm512_or_si512(any[k], _mm512_load_si512(line));
			}
		}
	}
	_mm512_storeu_si512(entry, _mm512_or_si512(_mm512_or_si512(any[0], any[1]),
						   _mm512_or_si512(any[2], any[3])));
	for (unsigned int k = 0; k < 8; k++)
		all |= entry[k];
	return all;
}

static inline __attribute__((always_inline, target("avx2"))) uint64_t
read_avx2(uint64_t *const *tables, uint64_t count, bool ahead)
{
	__m256i any[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(),
			  _mm256_setzero_si256()};
	uint64_t entry[4];

	for (uint64_t t = 0; t < count; t++) {
		for (unsigned int i = 0; i < TABLE_ENTRIES; i += 2 * LINE_ENTRIES) {
			const uint64_t *line = tables[t] + i;

			read_ahead(tables, count, t, i, ahead);
			read_ahead(tables, count, t, i + LINE_ENTRIES, ahead);
			for (unsigned int k = 0; k < 4; k++)
				any[k] = _mm256_or_si256(
					any[k], _mm256_load_si256((const __m256i *)line + k));
		}
	}
	_mm256_storeu_si256((__m256i *)entry, _mm256_or_si256(_mm256_or_si256(any[0], any[1]),
							      _mm256_or_si256(any[2], any[3])));
	return entry[0] | entry[1] | entry[2] | entry[3];
}

static inline __attribute__((always_inline)) uint64_t read_sse2(uint64_t *const *tables,
								 uint64_t count, bool ahead)
{
	__m128i any[4] = {_mm_setzero_si128(), _mm_setzero_si128(), _mm_setzero_si128(),
			  _mm_setzero_si128()};
	uint64_t entry[2];

	for (uint64_t t = 0; t < count; t++) {
		for (unsigned int i = 0; i < TABLE_ENTRIES; i += LINE_ENTRIES) {
			const uint64_t *line = tables[t] + i;

			read_ahead(tables, count, t, i, ahead);
			for (unsigned int k = 0; k < 4; k++)
				any[k] = _mm_or_si128(any[k],
						      _mm_load_si128((const __m128i *)line + k));
		}
	}
	_mm_storeu_si128((__m128i *)entry, _mm_or_si128(_mm_or_si128(any[0], any[1]),
							_mm_or_si128(any[2], any[3])));
	return entry[0] | entry[1];
}

#elif defined(__aarch64__)

static inline __attribute__((always_inline)) uint64_t read_neon(uint64_t *const *tables,
								 uint64_t count, bool ahead)
{
	uint64x2_t any[4] = {vdupq_n_u64(0), vdupq_n_u64(0), vdupq_n_u64(0), vdupq_n_u64(0)};
	uint64x2_t all;

	for (uint64_t t = 0; t < count; t++) {
		for (unsigned int i = 0; i < TABLE_ENTRIES; i += LINE_ENTRIES) {
			const uint64_t *line = tables[t] + i;

			read_ahead(tables, count, t, i, ahead);
			for (unsigned int k = 0; k < 4; k++)
				any[k] = vorrq_u64(any[k], vld1q_u64(line + 2 * k));
		}
	}
	all = vorrq_u64(vorrq_u64(any[0], any[1]), vorrq_u64(any[2], any[3]));
	return vgetq_lane_u64(all, 0) | vgetq_lane_u64(all, 1);
}

#endif

/*
 * Not inlined, and aligned: the speed of so short a loop can depend on where the linker puts it. One
 * with prefetches and one without, so that no load waits for the question.
 */
#define READ_FUNCTIONS(kind, attributes)                                                           \
	__attribute__((noinline, aligned(64))) attributes static uint64_t kind##_plain(            \
		uint64_t *const *tables, uint64_t count)                                           \
	{                                                                                          \
		return kind(tables, count, false);                                                 \
	}                                                                                          \
	__attribute__((noinline, aligned(64))) attributes static uint64_t kind##_ahead(            \
		uint64_t *const *tables, uint64_t count)                                           \
	{                                                                                          \
		return kind(tables, count, true);                                                  \
	}

#if defined(__x86_64__)
READ_FUNCTIONS(read_avx512, __attribute__((target("avx512f"))))
READ_FUNCTIONS(read_avx2, __attribute__((target("avx2"))))
READ_FUNCTIONS(read_sse2, )
#elif defined(__aarch64__)
READ_FUNCTIONS(read_neon, )
#endif

struct floor_reader floor_reader(void)
{
#if defined(__x86_64__)
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx512f"))
		return (struct floor_reader){"AVX-512", read_avx512_plain, read_avx512_ahead};
	if (__builtin_cpu_supports("avx2"))
		return (struct floor_reader){"AVX2", read_avx2_plain, read_avx2_ahead};
	return (struct floor_reader){"SSE2", read_sse2_plain, read_sse2_ahead};
#elif defined(__aarch64__)
	return (struct floor_reader){"NEON", read_neon_plain, read_neon_ahead};
#else
	return (struct floor_reader){"scalar", floor_sum, floor_sum};
#endif
}
