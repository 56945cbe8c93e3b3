/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "floor.h"

#include "tables.h"

/*
 * One relaxed 64-bit load per entry, summed. Being atomic, the loads are not vectorised or joined by
 * gcc and clang (one `add (mem), reg` each). Aligned, for the speed of so short a loop can depend on
 * where the linker puts it.
 */
__attribute__((noinline, aligned(64))) uint64_t floor_sum(uint64_t *const *tables, uint64_t count)
{
	uint64_t sum = 0;

	for (uint64_t t = 0; t < count; t++)
		for (unsigned int i = 0; i < TABLE_ENTRIES; i++)
			sum += __atomic_load_n(&tables[t][i], __ATOMIC_RELAXED);
	return sum;
}

/* One `lock and` each on x86: nobody wants the result. */
__attribute__((noinline, aligned(64))) void floor_and(uint64_t *entries, uint64_t count)
{
	for (uint64_t i = 0; i < count; i++)
		__atomic_and_fetch(&entries[i % TABLE_ENTRIES], ~EPT_ACCESSED, __ATOMIC_RELAXED);
}
