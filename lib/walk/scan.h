/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which kernel searches a table for young entries. Chosen when a page table is made; the calls are direct
 * ones behind a branch that is always taken the same way, once for up to 512 entries.
 */
#ifndef PTW_LIB_SCAN_H
#define PTW_LIB_SCAN_H

#include <ptw/kernel.h>
#include <ptw/port.h>

#ifdef PTW_PORT_VECTOR
#include "ports/vector/vector.h"
#ifdef __x86_64__
#define PTW_PORT_PAIRS 1
#define PTW_PORT_TRANSACTIONS 1
#endif
#else
#define PTW_SCAN_WORDS 8u
#endif

#include "arch/format.h"

/* Entries of one scan at most, as a power of two. */
#define PTW_SCAN_LG2 9u
_Static_assert(64 * PTW_SCAN_WORDS == 1u << PTW_SCAN_LG2, "a scan is of 512 entries");

/* See PTW_SCAN() in ports/vector/vector.h. */
uint64_t ptw_scan_portable(const uint64_t *slot, unsigned int words, uint64_t bit, uint64_t *young,
			   const uint64_t *ahead);

/* The kernel for a configuration's choice: PTW_OK, PTW_ERR_ARG, PTW_ERR_UNSUPPORTED. */
int ptw_kernel_choose(uint32_t wanted, uint8_t *kernel);

/* `kernel`: enum ptw_kernel, not BEST. */
static ptw_always_inline uint64_t ptw_scan(unsigned int kernel, const uint64_t *slot,
					   unsigned int words, uint64_t bit, uint64_t *young,
					   const uint64_t *ahead)
{
#if defined(PTW_PORT_VECTOR) && defined(__x86_64__)
	if (kernel == PTW_KERNEL_AVX512)
		return ptw_scan_avx512(slot, words, bit, young, ahead);
	if (kernel == PTW_KERNEL_AVX2)
		return ptw_scan_avx2(slot, words, bit, young, ahead);
	if (kernel == PTW_KERNEL_SSE2)
		return ptw_scan_sse2(slot, words, bit, young, ahead);
#elif defined(PTW_PORT_VECTOR) && defined(__aarch64__)
	if (kernel == PTW_KERNEL_NEON)
		return ptw_scan_neon(slot, words, bit, young, ahead);
#endif
	(void)kernel;
	return ptw_scan_portable(slot, words, bit, young, ahead);
}

#endif /* PTW_LIB_SCAN_H */
