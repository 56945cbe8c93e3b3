/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "rival.h"

#include <ptw/port.h>

struct iterator {
	uint64_t aim;	  /* what to step down to: ia of the last leaf-level entry wanted */
	uint64_t yielded_ia;
	uint64_t **table; /* on the way from the root, by level */
	uint64_t *entry;
	uint64_t ia;	/* of the entry */
	uint64_t old;	/* snapshot of it */
	unsigned int root_level;
	unsigned int min_level;
	unsigned int level;
	bool valid;
	bool yielded;
};

static inline uint64_t span_start(uint64_t ia, unsigned int level)
{
	return ia & ~(((uint64_t)1 << rival_shift(level)) - 1);
}

static inline void refresh(struct iterator *it)
{
	it->entry = it->table[it->level] + rival_index(it->ia, it->level);
	it->old = rival_load(it->entry);
}

static inline void restart(struct iterator *it)
{
	it->yielded = false;
	it->yielded_ia = it->aim;
	it->level = it->root_level;
	it->ia = span_start(it->aim, it->level);
	refresh(it);
	it->valid = true;
}

static inline void iterator_start(struct iterator *it, uint64_t **table, uint64_t start)
{
	*it = (struct iterator){.aim = start, .table = table, .root_level = ROOT_LEVEL};
	restart(it);
}

static inline bool step_down(struct iterator *it)
{
	if (it->level == it->min_level)
		return false;
	/* Whoever looked at the entry may have changed it, or linked a table there. */
	it->old = rival_load(it->entry);
	if (!rival_is_table(it->old, it->level))
		return false;
	it->level--;
	it->table[it->level] = rival_child(it->old);
	it->ia = span_start(it->aim, it->level);
	refresh(it);
	return true;
}

static inline bool step_side(struct iterator *it)
{
	if (rival_index(it->ia, it->level) == TABLE_ENTRIES - 1)
		return false;
	it->ia += (uint64_t)1 << rival_shift(it->level);
	it->aim = it->ia;
	it->entry++;
	it->old = rival_load(it->entry);
	return true;
}

static inline bool step_up(struct iterator *it)
{
	if (it->level == it->root_level)
		return false;
	it->level++;
	it->ia = span_start(it->ia, it->level);
	refresh(it);
	return true;
}

/* Inlined, so that the iterator is kept in registers: in memory it would cost twice as much. */
static inline __attribute__((always_inline)) void iterator_next(struct iterator *it)
{
	if (it->yielded) {
		restart(it);
		return;
	}
	if (step_down(it))
		return;
	do {
		if (step_side(it))
			return;
	} while (step_up(it));
	it->valid = false;
}

void rival_iterator(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young)
{
	/* Not in the iterator: what is indexed by a variable would keep all of it in memory. */
	uint64_t *table[ROOT_LEVEL + 1] = {[ROOT_LEVEL] = root};
	struct iterator it;

	ptw_port_read_lock();
	for (iterator_start(&it, table, start); it.valid && it.ia < end; iterator_next(&it)) {
		if (!rival_is_present(it.old) || !rival_is_leaf(it.old, it.level))
			continue;
		if (!(it.old & EPT_ACCESSED))
			continue;
		/* Relaxed: only the bit itself counts. */
		it.old = __atomic_fetch_and(it.entry, ~EPT_ACCESSED, __ATOMIC_RELAXED);
		if (it.old & EPT_ACCESSED)
			rival_mark(young, start, it.ia);
	}
	ptw_port_read_unlock();
}
