/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "lib/table/gather.h"

void ptw_gather_range(struct ptw_gather *gather, uint64_t start, uint64_t end, unsigned int level)
{
	struct ptw_range *last;

	if (level > gather->level)
		gather->level = level;
	if (gather->ranges) {
		last = &gather->range[gather->ranges - 1];
		/* When all are in use the last one grows over the gap: flushing more is safe. */
		if (start <= last->end || gather->ranges == PTW_GATHER_RANGES) {
			if (end > last->end)
				last->end = end;
			return;
		}
	}
	gather->range[gather->ranges].start = start;
	gather->range[gather->ranges].end = end;
	gather->ranges++;
}

void ptw_gather_table(struct ptw_gather *gather, uint64_t *table)
{
	ptw_meta(gather->pgtable, table)->link = gather->tables;
	gather->tables = table;
	gather->table_count++;
}

void ptw_gather_flush(const struct ptw_gather *gather)
{
	struct ptw_pgtable *p = gather->pgtable;

	if (p->flush && gather->ranges)
		p->flush(p->flush_context, gather->range, gather->ranges,
			 gather->tables ? PTW_FLUSH_TABLE : PTW_FLUSH_LEAF, gather->level);
}

static void ptw_table_reclaimed(struct ptw_port_rcu_head *head)
{
	struct ptw_table_meta *meta =
		(struct ptw_table_meta *)((char *)head - offsetof(struct ptw_table_meta, rcu));
	struct ptw_pgtable *p = meta->pgtable;

	ptw_port_table_free(p->pool, meta->table);
	ptw_port_add64(&p->tables_freed, 1);
}

void ptw_gather_retire(struct ptw_gather *gather)
{
	struct ptw_pgtable *p = gather->pgtable;
	uint64_t *table, *next;

	for (table = gather->tables; table; table = next) {
		struct ptw_table_meta *meta = ptw_meta(p, table);

		next = meta->link;
		meta->pgtable = p;
		meta->table = table;
		ptw_port_add64(&p->tables_retired, 1);
		ptw_port_add64(&p->tables_live, (uint64_t)-1);
		ptw_port_rcu_call(&meta->rcu, ptw_table_reclaimed);
	}
	gather->tables = NULL;
}
