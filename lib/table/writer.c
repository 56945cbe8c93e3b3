/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What all writers do: find their way, count what is live, get tables. */
#include "lib/table/table.h"
#include "lib/walk/note.h"

void ptw_descend(const struct ptw_pgtable *p, uint64_t ia, uint64_t end, unsigned int bottom,
		 struct ptw_spot *spot)
{
	const struct ptw_format *f = p->instance->format;
	unsigned int level = p->geometry.root_level;
	uint64_t *table = p->root;

	for (;; level--) {
		uint64_t *slot = &table[ptw_index(f, &p->geometry, ia, level)];
		uint64_t e = level ? ptw_port_load_table(slot) : ptw_port_load(slot);
		uint64_t span = (uint64_t)1 << ptw_span_lg2(f, level);

		spot->path[level] = table;
		if (level == bottom || !ptw_is_table(p, e, level) ||
		    (!(ia & (span - 1)) && end - ia >= span)) {
			spot->table = table;
			spot->slot = slot;
			spot->e = e;
			spot->level = level;
			return;
		}
		table = ptw_child(p, e, level);
	}
}

/*
 * Say in one table entry that it was accessed through. True: it did not say so before. One that is frozen is
 * left: its owner puts it back accessed, or takes out what is below it with its state.
 */
static bool ptw_mark_entry(const struct ptw_pgtable *p, uint64_t *slot, unsigned int level)
{
	const uint64_t bits = ptw_table_bits(p, level);
	/* Relaxed: only the bits count, and ptw_mark_path() has its fences. */
	uint64_t e = ptw_port_load(slot);

	/* By compare-exchange: it may be frozen or something else by now. */
	do {
		if (!ptw_is_table(p, e, level) || (e & bits) == bits)
			return false;
	} while (!ptw_port_cas(slot, &e, e | bits));
	return true;
}

/*
 * From the leaf up: of a pass that cleared an entry and then finds the one below it old, nobody would come
 * back to the lower one if the upper one had been marked before it.
 */
void ptw_mark_path(const struct ptw_pgtable *p, uint64_t *const *path, uint64_t ia,
		   unsigned int level)
{
	const struct ptw_format *f = p->instance->format;

	if (!ptw_table_bits(p, p->geometry.root_level))
		return;
	/*
	 * What the caller published comes before the look at the table entry. Partner: the fence of a pruned
	 * harvest between clearing that entry and reading its table (ptw_prune_clear()). One of us sees what
	 * the other one did: the pass our leaf, or we the bit cleared, and set it again.
	 */
	ptw_port_order_all();
	while (level++ < p->geometry.root_level)
		if (ptw_mark_entry(p, &path[level][ptw_index(f, &p->geometry, ia, level)], level))
			/* The same, for this entry and the one above it. */
			ptw_port_order_after_cas();
}

void ptw_table_restore(const struct ptw_pgtable *p, const struct ptw_spot *spot, uint64_t ia)
{
	/* Until it is published the entry is ours, and with it the tables above. */
	ptw_port_read_lock();
	/* Partners: the acquire load of walkers, and who freezes it next. */
	ptw_port_publish(spot->slot, ptw_table_restored(p, spot->e, spot->level));
	/* A pass may have cleared the entries above, and gone by while this one was frozen. */
	ptw_mark_path(p, spot->path, ia, spot->level);
	ptw_port_read_unlock();
}

bool ptw_live_add(struct ptw_pgtable *p, uint64_t *table, uint64_t ia, unsigned int level,
		  uint32_t n)
{
	bool root = level == p->geometry.root_level;
	uint32_t *live = root ? &p->root_live : &ptw_meta(p, table)->live;
	uint32_t now;

	if (p->exclusive) {
		now = ptw_port_load32(live) + n;
		ptw_port_store32(live, now);
	} else {
		now = ptw_port_add32(live, n);
	}
	if (root || !n)
		return false;
	if (now == n) {
		ptw_port_add64(&p->tables_empty, (uint64_t)-1);
		if (ptw_note_forget(p, ia, level)) {
			if (n < PTW_LIVE_DEAD / 2)
				ptw_port_add64(&p->tables_revived, 1);
			if (!ptw_port_load32(live))
				ptw_note_seen(p, ia, level, true);
		}
	}
	if (now)
		return false;
	ptw_port_add64(&p->tables_empty, 1);
	ptw_note_seen(p, ia, level, true);
	return true;
}

int ptw_change_args(const struct ptw_pgtable *p, const struct ptw_change_result *result)
{
	if (!p)
		return PTW_ERR_ARG;
	if (result && result->size < sizeof(*result))
		return PTW_ERR_SIZE;
	if (p->attached)
		return PTW_ERR_UNSUPPORTED;
	return ptw_port_may_block() ? PTW_OK : PTW_ERR_CONTEXT;
}

uint64_t *ptw_table_new(struct ptw_pgtable *p, unsigned int level, int *error)
{
	uint64_t *table = ptw_port_table_alloc(p->pool, level);

	if (!table) {
		*error = PTW_ERR_NOMEM;
		return NULL;
	}
	if (!ptw_table_fits(p, table)) {
		ptw_port_table_free(p->pool, table);
		*error = PTW_ERR_OUTPUT;
		return NULL;
	}
	ptw_meta(p, table)->level = (uint8_t)level;
	ptw_port_add64(&p->tables_live, 1);
	return table;
}

void ptw_table_discard(struct ptw_pgtable *p, uint64_t *table)
{
	ptw_port_add64(&p->tables_live, (uint64_t)-1);
	ptw_port_table_free(p->pool, table);
}
