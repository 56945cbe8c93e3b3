/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The portable kernel, and which kernels there are. */
#include "lib/walk/scan.h"

#include <ptw/error.h>

/* In the order of enum ptw_kernel; a better one comes later. */
static const struct {
	const char *name;
	uint32_t needs; /* enum ptw_cpu_feature */
	bool built;
} ptw_kernels[] = {
	[PTW_KERNEL_BEST] = { "best", 0, true },
	[PTW_KERNEL_PORTABLE] = { "portable", 0, true },
#if defined(PTW_PORT_VECTOR) && defined(__x86_64__)
	[PTW_KERNEL_SSE2] = { "sse2", PTW_CPU_SSE2, true },
	[PTW_KERNEL_AVX2] = { "avx2", PTW_CPU_AVX2, true },
	[PTW_KERNEL_AVX512] = { "avx512", PTW_CPU_AVX512, true },
#else
	[PTW_KERNEL_SSE2] = { "sse2", 0, false },
	[PTW_KERNEL_AVX2] = { "avx2", 0, false },
	[PTW_KERNEL_AVX512] = { "avx512", 0, false },
#endif
#if defined(PTW_PORT_VECTOR) && defined(__aarch64__)
	[PTW_KERNEL_NEON] = { "neon", PTW_CPU_NEON, true },
#else
	[PTW_KERNEL_NEON] = { "neon", 0, false },
#endif
};

#define PTW_KERNELS (sizeof(ptw_kernels) / sizeof(ptw_kernels[0]))

const char *ptw_kernel_name(uint32_t kernel)
{
	return kernel < PTW_KERNELS ? ptw_kernels[kernel].name : NULL;
}

int ptw_kernel_available(uint32_t kernel)
{
	return kernel < PTW_KERNELS && ptw_kernels[kernel].built &&
	       !(ptw_kernels[kernel].needs & ~ptw_port_cpu_features());
}

int ptw_clear_available(uint32_t clear)
{
#if defined(PTW_PORT_VECTOR) && defined(__x86_64__)
	if (clear == PTW_CLEAR_PAIRS)
		return !!(ptw_port_cpu_features() & PTW_CPU_CX16);
	if (clear == PTW_CLEAR_TRANSACTIONS)
		return !!(ptw_port_cpu_features() & PTW_CPU_RTM);
#endif
	(void)clear;
	return 0;
}

int ptw_kernel_choose(uint32_t wanted, uint8_t *kernel)
{
	if (wanted >= PTW_KERNELS)
		return PTW_ERR_ARG;
#ifdef PTW_TSAN
	/* It does not see vector loads, and so would miss a table that is read after its time. */
	if (wanted == PTW_KERNEL_BEST)
		wanted = PTW_KERNEL_PORTABLE;
#endif
	if (wanted == PTW_KERNEL_BEST) {
		wanted = PTW_KERNELS - 1;
		while (!ptw_kernel_available(wanted))
			wanted--;
	}
	if (!ptw_kernel_available(wanted))
		return PTW_ERR_UNSUPPORTED;
	*kernel = (uint8_t)wanted;
	return PTW_OK;
}

/* Written out, so that no compiler makes a loop of it. */
static ptw_always_inline uint64_t ptw_line_or(const uint64_t *slot)
{
	return ((ptw_port_load(slot) | ptw_port_load(slot + 1)) |
		(ptw_port_load(slot + 2) | ptw_port_load(slot + 3))) |
	       ((ptw_port_load(slot + 4) | ptw_port_load(slot + 5)) |
		(ptw_port_load(slot + 6) | ptw_port_load(slot + 7)));
}

/* Bit k: entry k has the bit. Written out likewise. */
static ptw_always_inline uint64_t ptw_line_young(const uint64_t *slot, unsigned int shift)
{
#define PTW_YOUNG(k) ((ptw_port_load(slot + (k)) >> shift & 1) << (k))
	return ((PTW_YOUNG(0) | PTW_YOUNG(1)) | (PTW_YOUNG(2) | PTW_YOUNG(3))) |
	       ((PTW_YOUNG(4) | PTW_YOUNG(5)) | (PTW_YOUNG(6) | PTW_YOUNG(7)));
#undef PTW_YOUNG
}

/*
 * Eight entries (one cache line) are ORed together, which costs no more than summing them. Lines with a
 * candidate are only noted, without a branch, and looked at again when all 64 entries have been read:
 * the processor reads ahead undisturbed, and mispredicts about once for 64 entries instead of twice for
 * each young one.
 */
uint64_t ptw_scan_portable(const uint64_t *slot, unsigned int words, uint64_t bit, uint64_t *young,
			   const uint64_t *ahead)
{
	const unsigned int shift = (unsigned int)__builtin_ctzll(bit);
	uint64_t seen = 0;

	for (unsigned int w = 0; w < words; w++, slot += 64, ahead += 64) {
		uint64_t lines = 0, found = 0;

		for (unsigned int i = 0; i < 64; i += 8) {
			uint64_t any = ptw_line_or(slot + i);

			ptw_port_prefetch(ahead + i);
			lines |= (uint64_t)!!(any & bit) << i;
			seen |= any;
		}
		for (; lines; lines &= lines - 1) {
			unsigned int line = (unsigned int)__builtin_ctzll(lines);

			found |= ptw_line_young(slot + line, shift) << line;
		}
		young[w] = found;
	}
	return seen;
}
