/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Splitting: a table of smaller leaves, filled in private, takes the place of a block.
 *
 * Accessed and dirty of the block go to every smaller leaf; nothing is reported. Without a break the
 * table is linked by one compare-exchange on the very value that was copied, so no bit that a processor
 * sets can fall in between. With a break the block is frozen first, which ends its bits.
 */
#include "lib/table/resize.h"
#include "lib/walk/harvest_template.h"

/* Fill `table` with what the block `e` of `level` maps. */
static void ptw_split_fill(const struct ptw_pgtable *p, uint64_t *table, uint64_t e,
			   unsigned int level)
{
	const struct ptw_format *f = p->instance->format;
	unsigned int n = ptw_entries(p, level - 1), lg2 = ptw_span_lg2(f, level - 1);
	uint64_t oa = f->address(&p->geometry, e, level);

	for (unsigned int i = 0; i < n; i++)
		ptw_port_init_entry(&table[i],
				    p->build->relevel(&p->geometry, p->layout, e, level, level - 1,
						      oa + ((uint64_t)i << lg2), false));
	/* Nobody else knows the table yet. */
	ptw_meta(p, table)->live = n;
}

static uint64_t ptw_split_entry(const struct ptw_pgtable *p, const uint64_t *table, uint64_t e,
				unsigned int level)
{
	uint64_t entry = p->build->make_table(&p->geometry, p->layout, ptw_table_pa(p, table),
					      level);

	/* A processor that accessed the block would have come through this entry. */
	if (p->instance->format->young(p->layout, e, level))
		entry |= ptw_table_bits(p, level);
	return entry;
}

/* The table entry at `spot` is linked, with what the block spot->e says. Inside a section. */
static void ptw_split_mark(const struct ptw_pgtable *p, const struct ptw_spot *spot, uint64_t ia)
{
	if (p->instance->format->young(p->layout, spot->e, spot->level))
		ptw_mark_path(p, spot->path, ia, spot->level);
}

/* Through an invalid entry: that of `spot` is frozen by us, so the tables on its path stay. */
static void ptw_split_publish(const struct ptw_pgtable *p, const uint64_t *table,
			      const struct ptw_spot *spot, uint64_t ia)
{
	ptw_port_read_lock();
	/* Partner: the acquire load of walkers. */
	ptw_port_publish(spot->slot, ptw_split_entry(p, table, spot->e, spot->level));
	ptw_split_mark(p, spot, ia);
	ptw_port_read_unlock();
}

/*
 * Put `table` over the block that maps `ia` at `level`: PTW_OK, PTW_ERR_AGAIN if it is owned or changed,
 * or 1 if there is no such block.
 */
static int ptw_split_block(struct ptw_resize_job *job, uint64_t *table, uint64_t ia,
			   unsigned int level)
{
	struct ptw_pgtable *p = job->pgtable;
	uint64_t span = (uint64_t)1 << ptw_span_lg2(p->instance->format, level), entry;
	struct ptw_spot spot;
	bool breaks, linked = false;

	ptw_port_read_lock();
	ptw_descend(p, ia, ia, 0, &spot);
	if (spot.level != level || !ptw_is_leaf(p, spot.e, level) ||
	    ptw_is_owned(p, spot.e, level) ||
	    ptw_group_lg2(p->instance->format, &p->geometry, spot.e, level)) {
		ptw_port_read_unlock();
		return ptw_is_owned(p, spot.e, spot.level) ? PTW_ERR_AGAIN : 1;
	}
	entry = ptw_split_entry(p, table, spot.e, level);
	breaks = p->build->must_break(&p->geometry, p->layout, spot.e, entry, level);
	if (breaks) {
		linked = ptw_port_cas(spot.slot, &spot.e, p->layout->frozen);
	} else {
		ptw_split_fill(p, table, spot.e, level);
		linked = ptw_port_cas(spot.slot, &spot.e, entry);
		if (linked)
			ptw_split_mark(p, &spot, ia);
	}
	ptw_port_read_unlock();
	if (!linked)
		return PTW_ERR_AGAIN;
	if (breaks) {
		/* The frozen entry is ours, so its table stays. */
		ptw_split_fill(p, table, spot.e, level);
		ia &= ~(span - 1);
		ptw_gather_range(&job->gather, ia, ia + span, level);
		ptw_gather_flush(&job->gather);
		ptw_split_publish(p, table, &spot, ia);
	} else if (p->geometry.break_before_make) {
		/* Until then both sizes may be cached: a conflict abort, with FEAT_BBM level 2. */
		ia &= ~(span - 1);
		ptw_gather_range(&job->gather, ia, ia + span, level);
		ptw_gather_flush(&job->gather);
	}
	job->leaves += ptw_entries(p, level - 1);
	job->tables++;
	return PTW_OK;
}

/* Look at job->ia: go on behind it, or say what is to be split there. */
static int ptw_split_look(struct ptw_resize_job *job, unsigned int *level, bool *grouped)
{
	struct ptw_pgtable *p = job->pgtable;
	const struct ptw_format *f = p->instance->format;
	struct ptw_spot spot;
	int ret = PTW_OK;

	ptw_port_read_lock();
	ptw_descend(p, job->ia, job->ia, 0, &spot);
	*level = spot.level;
	*grouped = ptw_is_leaf(p, spot.e, spot.level) &&
		   ptw_group_lg2(f, &p->geometry, spot.e, spot.level);
	if (spot.e == p->layout->frozen)
		ret = PTW_ERR_AGAIN;
	else if (ptw_is_leaf(p, spot.e, spot.level) &&
		 (spot.level > job->level || (spot.level == job->level && *grouped)))
		ret = 1;
	else if (spot.level < job->level || (spot.level == job->level && !f->group_lg2[spot.level]))
		/* All of this table is small enough. */
		job->ia = ptw_entry_end(f, job->ia, job->end, spot.level + 1);
	else
		job->ia = ptw_entry_end(f, job->ia, job->end, spot.level);
	ptw_port_read_unlock();
	return ret;
}

/* One extent. */
static int ptw_split_step(struct ptw_resize_job *job, uint64_t **spare)
{
	struct ptw_pgtable *p = job->pgtable;
	unsigned int level;
	bool grouped;
	int ret = ptw_split_look(job, &level, &grouped);

	if (ret != 1)
		return ret;
	if (grouped) {
		ret = ptw_group_break(job, job->ia, level);
	} else {
		if (*spare && ptw_meta(p, *spare)->level != level - 1) {
			ptw_table_discard(p, *spare);
			*spare = NULL;
		}
		if (!*spare)
			*spare = ptw_table_new(p, level - 1, &ret);
		if (!*spare)
			return ret;
		ret = ptw_split_block(job, *spare, job->ia, level);
		if (!ret)
			*spare = NULL;
	}
	/* Something else by now: look again. */
	return ret == 1 ? PTW_OK : ret;
}

int ptw_split(struct ptw_pgtable *p, uint64_t start, uint64_t end, unsigned int level,
	      struct ptw_change_result *result)
{
	struct ptw_resize_job job = { .pgtable = p, .level = level };
	struct ptw_change_result answer = { 0 };
	uint64_t *spare = NULL;
	int ret;

	ret = ptw_change_args(p, result);
	if (!ret && level >= PTW_MAX_LEVELS)
		ret = PTW_ERR_ARG;
	if (!ret)
		ret = ptw_range_check(p, &start, &end);
	if (ret)
		return ret;
	ptw_gather_init(&job.gather, p);
	job.ia = start;
	job.end = end;
	while (!ret && job.ia < end) {
		uint64_t before = job.ia, leaves = job.leaves;

		ret = ptw_split_step(&job, &spare);
		if (job.ia != before || job.leaves != leaves)
			job.tries = 0;
		else if (++job.tries <= PTW_WRITE_TRIES && (!ret || ret == PTW_ERR_AGAIN))
			ret = PTW_OK;
		else if (!ret)
			ret = PTW_ERR_AGAIN;
	}
	if (spare)
		ptw_table_discard(p, spare);
	answer.reached = job.ia;
	answer.leaves = job.leaves;
	answer.tables = job.tables;
	ptw_change_answer(result, &answer);
	return ret;
}
