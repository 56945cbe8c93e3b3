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

#if defined(__x86_64__)

bool floor_has_pairs(void)
{
	unsigned int eax = 1, ebx = 0, ecx = 0, edx = 0;

	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	return ecx >> 13 & 1;
}

/* Each finds what it expects and stores the same: what a clear of two costs at least. */
__attribute__((noinline, aligned(64))) void floor_pairs(uint64_t *entries, uint64_t count)
{
	for (uint64_t i = 0; i < count; i += 2) {
		uint64_t *pair = &entries[i % TABLE_ENTRIES];
		uint64_t low = pair[0], high = pair[1];
		bool same;

		__asm__ __volatile__("lock cmpxchg16b %1"
				     : "=@cce"(same), "+m"(*(unsigned __int128 *)pair), "+a"(low),
				       "+d"(high)
				     : "b"(pair[0] & ~EPT_ACCESSED), "c"(pair[1] & ~EPT_ACCESSED)
				     : "memory");
		(void)same;
	}
}

#else

bool floor_has_pairs(void)
{
	return false;
}

void floor_pairs(uint64_t *entries, uint64_t count)
{
	floor_and(entries, count);
}

#endif
