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

		if (level == bottom || !ptw_is_table(p, e, level) ||
		    (!(ia & (span - 1)) && end - ia >= span)) {
			*spot = (struct ptw_spot){ table, slot, e, level };
			return;
		}
		table = ptw_child(p, e, level);
	}
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
	uint64_t *table = ptw_port_table_alloc(p->pool);

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
