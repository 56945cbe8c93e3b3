/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file kernel.h
 * Harvest kernels: how the tables of a page table are searched for young entries, and how many young
 * ones at a time are cleared. Every kernel gives the same answer; they differ in speed alone.
 */
#ifndef PTW_KERNEL_H
#define PTW_KERNEL_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** How young entries are searched for (ptw_config.kernel). */
enum ptw_kernel {
	PTW_KERNEL_BEST = 0, /**< the fastest that this processor has and this build allows */
	PTW_KERNEL_PORTABLE, /**< plain C, one 8-byte load for each entry; always there */
	PTW_KERNEL_SSE2,     /**< x86-64: 16 bytes a load */
	PTW_KERNEL_AVX2,     /**< x86-64: 32 bytes a load */
	PTW_KERNEL_AVX512,   /**< x86-64: 64 bytes a load; AVX-512 F, BW, DQ and VL */
	PTW_KERNEL_NEON,     /**< arm64: 16 bytes a load */
};

/** How many young entries are cleared at a time (ptw_config.flags say which are wanted). */
enum ptw_clear {
	PTW_CLEAR_PAIRS = 1,    /**< x86-64 cmpxchg16b: two neighbours by one instruction */
	PTW_CLEAR_TRANSACTIONS, /**< x86-64 RTM: a table by one hardware transaction */
};

/**
 * Name of a kernel, as programs take it from their users: "best", "portable", "sse2", "avx2", "avx512",
 * "neon". To parse a name, compare it with those of 0, 1 and so on until null.
 * @param kernel enum ptw_kernel
 * @return its name, or null beyond the last
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: null.
 */
PTW_API const char *ptw_kernel_name(uint32_t kernel);

/**
 * Can page tables use this kernel here?
 * @param kernel enum ptw_kernel
 * @return 1 if the processor and the port allow it, else 0
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: 0 for what is no kernel.
 */
PTW_API int ptw_kernel_available(uint32_t kernel);

/**
 * Can young entries be cleared that way here?
 * @param clear enum ptw_clear
 * @return 1 if the processor and the port allow it, else 0
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: 0 for what is none.
 */
PTW_API int ptw_clear_available(uint32_t clear);

PTW_END_DECLS

#endif /* PTW_KERNEL_H */
