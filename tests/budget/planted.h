/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What `run.sh --selftest` plants into copies of the kernels: one more load for each entry, next to
 * what was to be read at `slot`.
 */
#ifndef PTW_TESTS_BUDGET_PLANTED_H
#define PTW_TESTS_BUDGET_PLANTED_H

#include <ptw/types.h>

#define PTW_PLANTED_LOADS(slot, entries)                                                           \
	do {                                                                                       \
		_Pragma("GCC unroll 64")                                                           \
		for (unsigned int planted = 0; planted < (entries); planted++)                     \
			(void)*(const volatile uint64_t *)((slot) + planted);                      \
	} while (0)

#define PTW_PLANTED(type, slot)                                                                    \
	({                                                                                         \
		PTW_PLANTED_LOADS(slot, sizeof(type) / 8);                                         \
		*(const volatile type *)(const void *)(slot);                                      \
	})

#endif /* PTW_TESTS_BUDGET_PLANTED_H */
