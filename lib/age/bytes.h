/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Bytes of epochs, eight at a time: no vector registers are needed, and none are forbidden. */
#ifndef PTW_LIB_AGE_BYTES_H
#define PTW_LIB_AGE_BYTES_H

#include <ptw/age.h>

/* Pages of one word, as harvests deliver them; their bytes are a cache line if the array is aligned. */
#define PTW_AGE_WORD 64u

/* One in every byte, and the highest bit of every byte. */
#define PTW_AGE_ONES  0x0101010101010101u
#define PTW_AGE_HIGHS 0x8080808080808080u

/* Not the port's: this room can be compiled without one (PTW_AGE_ALONE). */
static inline void ptw_age_prefetch(const uint8_t *bytes)
{
	__builtin_prefetch(bytes);
}

static inline uint64_t ptw_age_load8(const uint8_t *bytes)
{
	uint64_t v;

	__builtin_memcpy(&v, bytes, sizeof(v));
	return v;
}

static inline void ptw_age_store8(uint8_t *bytes, uint64_t v)
{
	__builtin_memcpy(bytes, &v, sizeof(v));
}

/* A byte of ones for each of the lowest eight bits. */
static inline uint64_t ptw_age_spread(uint64_t bits)
{
	/* A copy for each byte, of which byte i keeps bit i; then from any bit to the highest. */
	bits = (bits & 0xff) * PTW_AGE_ONES & 0x8040201008040201u;
	return ((bits + ~PTW_AGE_HIGHS) >> 7 & PTW_AGE_ONES) * 0xff;
}

/* Set bits of a word, without the instruction or library call a builtin might choose. */
static inline unsigned int ptw_age_bits(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555u;
	v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned int)(v * PTW_AGE_ONES >> 56);
}

#endif /* PTW_LIB_AGE_BYTES_H */
