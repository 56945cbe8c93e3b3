/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * FNV-1a, 64 bits: a checksum that is easy to write again in any language, so that two simulators
 * can compare their whole sequence of evictions by one number.
 */
#ifndef PTW_SIM_FNV_H
#define PTW_SIM_FNV_H

#include <stdint.h>

#define FNV64_START UINT64_C(0xcbf29ce484222325)
#define FNV64_PRIME UINT64_C(0x100000001b3)

/* Take in a word as its four bytes, lowest first. */
static inline uint64_t fnv64_u32(uint64_t hash, uint32_t word)
{
	for (int i = 0; i < 4; i++) {
		hash ^= word & 0xff;
		hash *= FNV64_PRIME;
		word >>= 8;
	}
	return hash;
}

#endif /* PTW_SIM_FNV_H */
