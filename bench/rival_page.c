/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "rival.h"

#include <ptw/port.h>

/* One page from the root: was it young? It is not any more. */
__attribute__((noinline)) static bool page_test_clear(uint64_t *root, uint64_t ia)
{
	uint64_t *table = root;
	bool young = false;

	ptw_port_read_lock();
	for (unsigned int level = ROOT_LEVEL;; level--) {
		uint64_t *entry = &table[rival_index(ia, level)];
		uint64_t e = rival_load(entry);

		if (!rival_is_present(e))
			break;
		if (rival_is_leaf(e, level)) {
			/* Relaxed: only the bit itself counts. */
			if (e & EPT_ACCESSED)
				young = __atomic_fetch_and(entry, ~EPT_ACCESSED, __ATOMIC_RELAXED) &
					EPT_ACCESSED;
			break;
		}
		table = rival_child(e);
	}
	ptw_port_read_unlock();
	return young;
}

void rival_page(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young)
{
	for (uint64_t ia = start; ia < end; ia += (uint64_t)1 << PAGE_LG2)
		if (page_test_clear(root, ia))
			rival_mark(young, start, ia);
}
