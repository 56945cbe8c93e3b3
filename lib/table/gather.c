/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "lib/table/gather.h"

#include "lib/table/table.h"

void ptw_gather_range(struct ptw_gather *gather, uint64_t start, uint64_t end, unsigned int level)
{
	struct ptw_range *r = gather->range;
	unsigned int i = 0, next;

	if (level > gather->level)
		gather->level = level;
	while (i < gather->ranges && r[i].end < start)
		i++;
	if (i == gather->ranges || r[i].start > end) {
		if (gather->ranges < PTW_GATHER_RANGES) {
			for (next = gather->ranges++; next > i; next--)
				r[next] = r[next - 1];
			r[i] = (struct ptw_range){ start, end };
			return;
		}
		/* All are in use: a neighbour grows over the gap. Flushing more is safe. */
		if (i == gather->ranges)
			i--;
	}
	if (start < r[i].start)
		r[i].start = start;
	if (end > r[i].end)
		r[i].end = end;
	while (i + 1 < gather->ranges && r[i + 1].start <= r[i].end) {
		if (r[i + 1].end > r[i].end)
			r[i].end = r[i + 1].end;
		gather->ranges--;
		for (next = i + 1; next < gather->ranges; next++)
			r[next] = r[next + 1];
	}
}

void ptw_gather_table(struct ptw_gather *gather, uint64_t *table)
{
	ptw_meta(gather->pgtable, table)->link = gather->tables;
	gather->tables = table;
	gather->table_count++;
	gather->unlinked++;
	gather->kind = PTW_FLUSH_TABLE;
}

void ptw_gather_thaw(struct ptw_gather *gather, uint64_t *table, uint64_t ia, unsigned int first,
		     uint64_t mask, unsigned int level)
{
	gather->thaw[gather->thaws++] = (struct ptw_thaw){
		.table = table, .ia = ia, .mask = mask, .first = first, .level = level,
	};
}

void ptw_gather_flush(struct ptw_gather *gather)
{
	struct ptw_pgtable *p = gather->pgtable;

	if (p->flush && gather->ranges)
		p->flush(p->flush_context, gather->range, gather->ranges,
			 gather->kind, gather->level);
	gather->ranges = 0;
	gather->level = 0;
	/* The ranges of tables that are gathered already may still come. */
	if (!gather->tables)
		gather->kind = PTW_FLUSH_LEAF;
}

static void ptw_table_freed(struct ptw_port_rcu_head *head)
{
	struct ptw_table_meta *meta =
		(struct ptw_table_meta *)((char *)head - offsetof(struct ptw_table_meta, rcu));
	struct ptw_pgtable *p = meta->pgtable;

	ptw_port_table_free(p->pool, meta->table);
	ptw_port_add64(&p->tables_freed, 1);
}

void ptw_release_entries(struct ptw_pgtable *p, uint64_t *table, uint64_t ia, unsigned int first,
			 uint64_t mask, unsigned int level)
{
	/* The table may go as soon as the last entry is not ours any more: a section that began before
	 * that keeps it. Counting first would let others look at an empty count too early. */
	ptw_port_read_lock();
	for (uint64_t left = mask; left; left &= left - 1)
		/* Partner: the compare-exchange of whoever fills the entry next. */
		ptw_port_publish(&table[first + (unsigned int)__builtin_ctzll(left)],
				 p->layout->empty);
	ptw_live_add(p, table, ia, level, (uint32_t)-ptw_popcount(mask));
	ptw_port_read_unlock();
}

bool ptw_gather_owns(const struct ptw_gather *gather, const uint64_t *slot)
{
	for (unsigned int i = 0; i < gather->thaws; i++) {
		const struct ptw_thaw *thaw = &gather->thaw[i];
		const uint64_t *base = thaw->table + thaw->first;

		if (slot >= base && slot < base + 64 && (thaw->mask >> (slot - base) & 1))
			return true;
	}
	return false;
}

void ptw_gather_retire(struct ptw_gather *gather)
{
	struct ptw_pgtable *p = gather->pgtable;
	uint64_t *table, *next;

	for (unsigned int i = 0; i < gather->thaws; i++) {
		const struct ptw_thaw *thaw = &gather->thaw[i];

		ptw_release_entries(p, thaw->table, thaw->ia, thaw->first, thaw->mask, thaw->level);
	}
	gather->thaws = 0;
	for (table = gather->tables; table; table = next) {
		struct ptw_table_meta *meta = ptw_meta(p, table);

		next = meta->link;
		meta->pgtable = p;
		meta->table = table;
		ptw_port_add64(&p->tables_retired, 1);
		ptw_port_add64(&p->tables_live, (uint64_t)-1);
		ptw_port_rcu_call(&meta->rcu, ptw_table_freed);
	}
	if (gather->tables)
		ptw_port_rcu_poll();
	gather->tables = NULL;
	gather->table_count = 0;
	gather->kind = PTW_FLUSH_LEAF;
}

uint64_t ptw_backlog(const struct ptw_pgtable *p)
{
	/* The counters are relaxed, and read one after the other: a table may be seen freed before it is
	 * seen retired. */
	uint64_t freed = ptw_port_load(&p->tables_freed);
	uint64_t retired = ptw_port_load(&p->tables_retired);

	return retired > freed ? retired - freed : 0;
}

int ptw_backlog_check(struct ptw_pgtable *p)
{
	if (ptw_backlog(p) < p->backlog_limit)
		return PTW_OK;
	ptw_port_rcu_poll();
	if (p->tell_backlog)
		return PTW_ERR_BACKLOG;
	ptw_port_rcu_barrier();
	return PTW_OK;
}
