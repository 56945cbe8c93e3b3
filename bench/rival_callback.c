/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "rival.h"

#include <ptw/port.h>

/* As kernels tell their compilers: each taken branch of the loop counts. */
#define likely(x)   __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)

enum visit_kind {
	VISIT_LEAF = 1,
	VISIT_TABLE_PRE = 2,
	VISIT_TABLE_POST = 4,
};

/* What a visitor is told of an entry. */
struct visit {
	uint64_t *entry;
	uint64_t old; /* snapshot */
	void *arg;
	uint64_t start; /* of the walk */
	uint64_t ia;
	uint64_t end;
	unsigned int level;
	unsigned int kinds; /* that the visitor wants */
};

typedef int (*visit_fn)(const struct visit *visit, enum visit_kind kind);

struct walker {
	visit_fn visit;
	void *arg;
	unsigned int kinds;
};

struct walk {
	const struct walker *walker;
	uint64_t start;
	uint64_t end;
};

/* Private: the visitor lost a race. The walk goes on. */
#define VISIT_AGAIN 1

/*
 * The entries of a table from `*ia` on, which is moved behind them. The address is kept in a register
 * meanwhile: to add to it in memory for each entry would cost more than everything else here.
 */
__attribute__((aligned(64))) static int walk_table(struct walk *walk, uint64_t *table,
						   unsigned int level, uint64_t *ia)
{
	const struct walker *walker = walk->walker;
	const visit_fn visitor = walker->visit;
	const unsigned int kinds = walker->kinds;
	const uint64_t span = (uint64_t)1 << rival_shift(level);
	const uint64_t end = walk->end;
	struct visit visit = {
		.arg = walker->arg,
		.start = walk->start,
		.end = end,
		.level = level,
		.kinds = kinds,
	};
	/* Two of them, since one whose address is given away stays in memory. */
	uint64_t at = *ia, below;
	uint64_t *entry = &table[rival_index(at, level)];
	int error = 0;

	for (; entry < table + TABLE_ENTRIES && at < end; entry++) {
		uint64_t e = rival_load(entry);
		bool is_table = rival_is_table(e, level);
		unsigned int kind = is_table ? VISIT_TABLE_PRE : VISIT_LEAF;

		if (likely(kinds & kind)) {
			visit.entry = entry;
			visit.old = e;
			visit.ia = at;
			error = visitor(&visit, kind);
			if (unlikely(error < 0))
				break;
			/* The visitor may have made a table of a leaf, or the other way round. */
			e = rival_load(entry);
			is_table = rival_is_table(e, level);
		}
		if (likely(!is_table)) {
			at = (at & ~(span - 1)) + span;
			continue;
		}
		below = at;
		error = walk_table(walk, rival_child(e), level - 1, &below);
		at = below;
		if (!error && (kinds & VISIT_TABLE_POST)) {
			visit.entry = entry;
			visit.old = e;
			visit.ia = at;
			error = visitor(&visit, VISIT_TABLE_POST);
		}
		if (error < 0)
			break;
	}
	*ia = at;
	return error < 0 ? error : 0;
}

__attribute__((aligned(64))) static int visit_age(const struct visit *visit, enum visit_kind kind)
{
	uint64_t old = visit->old;
	uint64_t new = old & ~EPT_ACCESSED;

	(void)kind;
	if (unlikely(!rival_is_present(old)) || likely(new == old))
		return 0;
	/* Relaxed: only the bit itself counts. */
	if (!__atomic_compare_exchange_n(visit->entry, &old, new, false, __ATOMIC_RELAXED,
					 __ATOMIC_RELAXED))
		return VISIT_AGAIN;
	rival_mark(visit->arg, visit->start, visit->ia);
	return 0;
}

void rival_callback(uint64_t *root, uint64_t start, uint64_t end, uint64_t *young)
{
	/* Walker and visitor are in one file here: keep the compiler from joining them. */
	static visit_fn volatile visitor = visit_age;
	const struct walker walker = {.visit = visitor, .arg = young, .kinds = VISIT_LEAF};
	struct walk walk = {.walker = &walker, .start = start, .end = end};
	uint64_t ia = start;

	ptw_port_read_lock();
	walk_table(&walk, root, ROOT_LEVEL, &ia);
	ptw_port_read_unlock();
}
