/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Page tables: their beginning, their end, and their description. */
#include <ptw/table.h>

#include "lib/table/table.h"
#include "lib/walk/instances.h"
#include "lib/walk/scan.h"

static uint64_t ptw_root_bytes(const struct ptw_geometry *g)
{
	uint64_t bytes = (uint64_t)8 << g->root_lg2;

	/* A short root still takes a table, a long one is several tables in a row. */
	return bytes < ptw_table_bytes(g) ? ptw_table_bytes(g) : bytes;
}

#define PTW_BACKLOG_DEFAULT 65536u

/* The age of a note counts to this. */
#define PTW_DELAY_MAX 32767u

#define PTW_CONFIG_FLAGS \
	((uint32_t)(PTW_BACKLOG_TELL | PTW_WRITERS_EXCLUSIVE | PTW_CONFIG_PAIRS | \
		    PTW_CONFIG_TRANSACTIONS))

/* How young entries are found and cleared. */
static int ptw_pgtable_kernel(struct ptw_pgtable *p, const struct ptw_config *config)
{
	const uint32_t flags = config->flags;

	p->pairs = flags & PTW_CONFIG_PAIRS;
	p->transactions = flags & PTW_CONFIG_TRANSACTIONS;
	if ((p->pairs && !ptw_clear_available(PTW_CLEAR_PAIRS)) ||
	    (p->transactions && !ptw_clear_available(PTW_CLEAR_TRANSACTIONS)))
		return PTW_ERR_UNSUPPORTED;
	return ptw_kernel_choose(config->kernel, &p->kernel);
}

static int ptw_pgtable_new(const struct ptw_config *config, bool attached,
			   struct ptw_pgtable **out)
{
	struct ptw_pgtable *p;
	int ret;

	if (!config)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (!ret && config->layout)
		ret = ptw_size_check(config->layout, config->layout->size,
				     sizeof(*config->layout));
	if (ret)
		return ret;
	if (config->layout &&
	    (!config->layout->kinds || config->layout->kinds > PTW_LAYOUT_KINDS ||
	     config->layout->frozen == config->layout->empty ||
	     config->layout->saved_shift > 63))
		return PTW_ERR_ARG;
	if ((config->flags & ~PTW_CONFIG_FLAGS) || config->reserved ||
	    (config->reclaim_delay > PTW_DELAY_MAX &&
	     config->reclaim_delay != PTW_RECLAIM_NEVER))
		return PTW_ERR_ARG;
	p = ptw_port_zalloc(sizeof(*p));
	if (!p)
		return PTW_ERR_NOMEM;
	ret = ptw_instance_choose(config, attached, p);
	if (!ret)
		ret = p->build->configure(config, &p->geometry);
	if (!ret)
		ret = ptw_pgtable_kernel(p, config);
	if (!ret && (config->phys_offset & (ptw_table_bytes(&p->geometry) - 1)))
		ret = PTW_ERR_ALIGN;
	if (ret) {
		ptw_port_free(p, sizeof(*p));
		return ret;
	}
	p->phys_offset = config->phys_offset;
	p->flush = config->flush;
	p->flush_context = config->flush_context;
	p->attached = attached;
	p->exclusive = config->flags & PTW_WRITERS_EXCLUSIVE;
	p->tell_backlog = config->flags & PTW_BACKLOG_TELL;
	p->reclaim_delay = config->reclaim_delay;
	p->backlog_limit = config->backlog_limit ? config->backlog_limit : PTW_BACKLOG_DEFAULT;
	p->root_bytes = ptw_root_bytes(&p->geometry);
	for (unsigned int level = 0; level < PTW_MAX_LEVELS && !attached; level++)
		p->held[level] = p->build->held(p->layout, level);
	/* A word of pages lies in one table. */
	p->few = p->instance->harvest_few && p->instance->format->and_clear &&
		 p->geometry.index_lg2 >= 6 &&
		 !(p->geometry.features & PTW_FEATURE_CONTIG);
	ptw_port_rcu_register();
	*out = p;
	return PTW_OK;
}

int ptw_pgtable_create(const struct ptw_config *config, struct ptw_pgtable **out)
{
	struct ptw_pgtable *p;
	int ret;

	if (!out)
		return PTW_ERR_ARG;
	if (config && config->size >= sizeof(*config) && config->pool) {
		ret = ptw_size_check(config->pool, config->pool->size, sizeof(*config->pool));
		if (ret)
			return ret;
	}
	ret = ptw_pgtable_new(config, false, &p);
	if (ret)
		return ret;
	ret = ptw_port_pool_create(config->pool, ptw_table_bytes(&p->geometry),
				   sizeof(struct ptw_table_meta), &p->pool);
	if (ret) {
		ptw_port_free(p, sizeof(*p));
		return ret;
	}
	p->root = ptw_port_run_alloc(p->pool, p->root_bytes);
	if (!p->root)
		ret = PTW_ERR_NOMEM;
	else if (ptw_table_pa(p, p->root) & (p->root_bytes - 1))
		ret = PTW_ERR_ALIGN;
	else if (!ptw_table_fits(p, p->root))
		ret = PTW_ERR_OUTPUT;
	if (ret) {
		if (p->root)
			ptw_port_run_free(p->pool, p->root, p->root_bytes);
		ptw_port_pool_destroy(p->pool);
		ptw_port_free(p, sizeof(*p));
		return ret;
	}
	for (uint64_t i = 0; i < p->root_bytes / 8; i++)
		ptw_port_init_entry(&p->root[i], p->layout->empty);
	*out = p;
	return PTW_OK;
}

int ptw_pgtable_attach(const struct ptw_config *config, const struct ptw_attach *attach,
		       struct ptw_pgtable **out)
{
	struct ptw_pgtable *p;
	uint64_t root_bytes, i;
	int ret;

	if (!out || !attach || !attach->bounds)
		return PTW_ERR_ARG;
	ret = ptw_size_check(attach, attach->size, sizeof(*attach));
	if (ret)
		return ret;
	if (!attach->bounds_count || attach->bounds_count > PTW_BOUNDS_MAX ||
	    !attach->table_budget || attach->reserved)
		return PTW_ERR_ARG;
	ret = ptw_pgtable_new(config, true, &p);
	if (ret)
		return ret;
	/* What hardware reads of the root: a short one need not be a whole table. */
	root_bytes = (uint64_t)8 << p->geometry.root_lg2;
	for (i = 0; i < attach->bounds_count; i++) {
		const struct ptw_range *b = &attach->bounds[i];

		p->bounds[i] = *b;
		if (attach->root >= b->start && attach->root < b->end &&
		    b->end - attach->root >= root_bytes)
			ret = 1;
	}
	if (ret != 1 || (attach->root & (root_bytes < 64 ? 63 : root_bytes - 1))) {
		ptw_port_free(p, sizeof(*p));
		return PTW_ERR_CORRUPT_BOUNDS;
	}
	p->bounds_count = attach->bounds_count;
	p->table_budget = attach->table_budget;
	p->root = ptw_table_at(p, attach->root);
	*out = p;
	return PTW_OK;
}

/* Unlink and collect every table below the entries of `table`. */
static void ptw_collect_tables(struct ptw_gather *gather, uint64_t *table, unsigned int level,
			       uint64_t entries)
{
	struct ptw_pgtable *p = gather->pgtable;
	const struct ptw_format *f = p->instance->format;

	if (!level)
		return;
	for (uint64_t i = 0; i < entries; i++) {
		uint64_t e = ptw_port_load_table(&table[i]);
		uint64_t *child;

		if (!f->present(p->layout, e, level) || f->leaf(e, level))
			continue;
		child = ptw_table_at(p, f->address(&p->geometry, e, level));
		ptw_port_publish(&table[i], p->layout->frozen);
		ptw_collect_tables(gather, child, level - 1, (uint64_t)1 << f->index_lg2);
		ptw_gather_table(gather, child);
	}
}

int ptw_pgtable_destroy(struct ptw_pgtable *p)
{
	struct ptw_gather gather;

	if (!p)
		return PTW_OK;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	if (!p->attached) {
		ptw_gather_init(&gather, p);
		ptw_gather_range(&gather, 0, (uint64_t)1 << p->geometry.ia_bits,
				 p->geometry.root_level);
		ptw_collect_tables(&gather, p->root, p->geometry.root_level,
				   (uint64_t)1 << p->geometry.root_lg2);
		ptw_gather_flush(&gather);
		ptw_gather_retire(&gather);
		ptw_port_rcu_barrier();
		ptw_port_run_free(p->pool, p->root, p->root_bytes);
		ptw_port_pool_destroy(p->pool);
	}
	ptw_port_free(p, sizeof(*p));
	return PTW_OK;
}

int ptw_pgtable_info(const struct ptw_pgtable *p, struct ptw_info *info)
{
	if (!p || !info)
		return PTW_ERR_ARG;
	if (info->size < sizeof(*info))
		return PTW_ERR_SIZE;
	info->format = p->instance->format->name;
	info->layout = p->layout->name;
	info->granule_lg2 = p->geometry.granule_lg2;
	info->index_lg2 = p->geometry.index_lg2;
	info->levels = p->geometry.root_level + 1u;
	info->root_lg2 = p->geometry.root_lg2;
	info->ia_bits = p->geometry.ia_bits;
	info->oa_bits = p->geometry.oa_bits;
	info->leaf_levels = p->geometry.leaf_levels;
	info->attached = p->attached;
	info->exact = p->exact;
	info->kernel = p->kernel;
	info->table_accessed = p->geometry.root_level &&
			       p->build->table_accessed(&p->geometry, p->geometry.root_level);
	info->root = ptw_table_pa(p, p->root);
	info->tables = ptw_port_load(&p->tables_live);
	info->tables_retired = ptw_backlog(p);
	info->tables_empty = ptw_port_load(&p->tables_empty);
	info->tables_reclaimed = ptw_port_load(&p->tables_reclaimed);
	info->tables_revived = ptw_port_load(&p->tables_revived);
	info->bytes = sizeof(*p) + (p->attached ? 0 : ptw_port_pool_bytes(p->pool));
	return PTW_OK;
}

int ptw_pgtable_regs(const struct ptw_pgtable *p, struct ptw_regs *regs)
{
	if (!p || !regs)
		return PTW_ERR_ARG;
	p->build->registers(&p->geometry, ptw_table_pa(p, p->root), regs);
	return PTW_OK;
}
