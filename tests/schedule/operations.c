/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "tests/schedule/operations.h"

#include <string.h>

#include <ptw/port.h>
#include <ptw/prune.h>

#include "tests/schedule/ledger.h"
#include "tests/schedule/schedule_memory.h"

struct world world;

static uint64_t ia_of(unsigned int page)
{
	return (uint64_t)page << world.info.granule_lg2;
}

/* Each thread maps to a place of its own, so that a leaf says who made it. */
static uint64_t oa_of(unsigned int self, unsigned int page)
{
	return ((uint64_t)(self + 1) << 32) + ia_of(page);
}

static _Noreturn void unexpected(const char *what, int ret)
{
	scheduler_fail("thread %u: %s answers %d (%s)", scheduler_self(), what, ret,
		       ptw_strerror(ret));
}

static void keep(struct outcome *out, int ret, const struct ptw_change_result *r)
{
	out->ret = ret;
	out->reached = r->reached >> world.info.granule_lg2;
	out->leaves = r->leaves;
	out->tables = r->tables;
	out->young_extents = r->young_extents;
	out->dirty_extents = r->dirty_extents;
}

static void do_map(const struct operation *op, struct outcome *out)
{
	const unsigned int self = scheduler_self();
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE,
		.flags = op->flags,
		.page_levels = op->level,
	};
	struct ptw_change_result r = {.size = sizeof(r)};
	int ret = ptw_map(world.pgtable, ia_of(op->page), ia_of(op->page + op->pages),
			  oa_of(self, op->page), &map, &r);

	if (ret != PTW_OK && ret != PTW_ERR_EXISTS && ret != PTW_ERR_AGAIN)
		unexpected("map", ret);
	if (ret == PTW_OK && r.reached != ia_of(op->page + op->pages))
		scheduler_fail("map succeeds, but says that it reached page %llu",
			       (unsigned long long)(r.reached >> world.info.granule_lg2));
	keep(out, ret, &r);
	ledger_mapped(self, op, &r);
}

static void do_unmap(const struct operation *op, struct outcome *out)
{
	uint64_t young[PAGES_MAX / 64] = {0}, dirty[PAGES_MAX / 64] = {0};
	const struct ptw_unmap unmap = {
		.size = sizeof(unmap), .flags = op->flags, .young = young, .dirty = dirty};
	struct ptw_change_result r = {.size = sizeof(r)};
	int ret =
		ptw_unmap(world.pgtable, ia_of(op->page), ia_of(op->page + op->pages), &unmap, &r);

	if (ret != PTW_OK && ret != PTW_ERR_AGAIN && ret != PTW_ERR_BLOCK &&
	    ret != PTW_ERR_BACKLOG && !(ret == PTW_ERR_HOLE && op->flags))
		unexpected("unmap", ret);
	keep(out, ret, &r);
	ledger_unmapped(scheduler_self(), op, ret, &r, young, dirty);
}

static void do_harvest(const struct operation *op, struct outcome *out)
{
	uint64_t young[PAGES_MAX / 64] = {0}, dirty[PAGES_MAX / 64] = {0};
	uint64_t touched[PAGES_MAX / 64] = {0};
	struct ptw_prune prune = {
		.size = sizeof(prune),
		.flags = op->level == PRUNE_EXACT ? PTW_PRUNE_FLUSH : 0,
		.pass = 1,
		.touched = touched,
		.touched_words = PAGES_MAX / 64,
	};
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = op->flags,
		.prune = op->level ? &prune : NULL,
		.young = op->flags & PTW_HARVEST_ACCESSED ? young : NULL,
		.dirty = op->flags & PTW_HARVEST_DIRTY ? dirty : NULL,
	};
	struct ptw_harvest_result r = {.size = sizeof(r)};

	out->ret = ptw_harvest(world.pgtable, ia_of(op->page), ia_of(op->page + op->pages),
			       &harvest, &r);
	if (out->ret != PTW_OK)
		unexpected("harvest", out->ret);
	out->young_extents = r.young_extents;
	out->dirty_extents = r.dirty_extents;
	if (!(op->flags & PTW_HARVEST_PEEK))
		ledger_harvested(scheduler_self(), op, &r, young, dirty);
}

static void do_test_clear(const struct operation *op, struct outcome *out)
{
	out->ret = ptw_test_clear_young(world.pgtable, ia_of(op->page));
	if (out->ret < 0 && out->ret != PTW_ERR_HOLE && out->ret != PTW_ERR_AGAIN)
		unexpected("test_clear_young", out->ret);
	if (out->ret == 1)
		ledger_cleared(scheduler_self(), op->page);
}

static void do_query(const struct operation *op, struct outcome *out)
{
	struct ptw_query query = {.size = sizeof(query)};

	out->ret = ptw_query(world.pgtable, ia_of(op->page), &query);
	if (out->ret == PTW_OK) {
		out->oa = query.leaf.oa;
		out->level = query.level;
		ledger_seen(op->page, query.leaf.oa, 1, "query");
	} else if (out->ret != PTW_ERR_HOLE && out->ret != PTW_ERR_AGAIN) {
		unexpected("query", out->ret);
	}
}

static int look(void *context, const struct ptw_visit *visit)
{
	struct ptw_leaf leaf;

	(void)context;
	for (unsigned int i = 0; i < visit->count; i++) {
		const unsigned int page =
			(unsigned int)((visit->ia + i * visit->size) >> world.info.granule_lg2);

		if (!ptw_visit_leaf(visit, i, &leaf))
			ledger_seen(page, leaf.oa, visit->size, "walk");
	}
	return PTW_VISIT_NEXT;
}

static void do_walk(const struct operation *op, struct outcome *out)
{
	const struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE | PTW_VISIT_TABLE_POST,
		.visit = look,
	};

	out->ret =
		ptw_walk(world.pgtable, ia_of(op->page), ia_of(op->page + op->pages), &walk, NULL);
	if (out->ret != PTW_OK)
		unexpected("walk", out->ret);
}

static void do_protect(const struct operation *op, struct outcome *out)
{
	const uint64_t start = ia_of(op->page), end = ia_of(op->page + op->pages);
	uint64_t dirty[PAGES_MAX / 64] = {0};
	struct ptw_change_result r = {.size = sizeof(r)};
	int ret;

	if (op->kind == OP_SET_USER)
		ret = ptw_set_user_bit(world.pgtable, start, end, op->flags, &r);
	else if (op->kind == OP_PROTECT)
		ret = ptw_protect(world.pgtable, start, end, op->flags, dirty, &r);
	else
		ret = ptw_write_protect(world.pgtable, start, end, op->flags, dirty, &r);
	if (ret != PTW_OK && ret != PTW_ERR_AGAIN)
		unexpected("protect", ret);
	keep(out, ret, &r);
	ledger_protected(scheduler_self(), op, ret, &r, dirty);
}

static void do_reshape(const struct operation *op, struct outcome *out)
{
	const uint64_t start = ia_of(op->page), end = ia_of(op->page + op->pages);
	struct ptw_change_result r = {.size = sizeof(r)};
	int ret;

	if (op->kind == OP_SPLIT)
		ret = ptw_split(world.pgtable, start, end, op->level, &r);
	else if (op->kind == OP_COLLAPSE)
		ret = ptw_collapse(world.pgtable, start, end, op->level, &r);
	else
		ret = ptw_reclaim(world.pgtable, start, end, &r);
	if (ret != PTW_OK && ret != PTW_ERR_AGAIN && ret != PTW_ERR_BACKLOG)
		unexpected(op->kind == OP_SPLIT	   ? "split" :
			   op->kind == OP_COLLAPSE ? "collapse" :
						     "reclaim",
			   ret);
	keep(out, ret, &r);
}

static void ignore_line(void *context, const char *text)
{
	(void)context;
	(void)text;
}

static void do_look(const struct operation *op, struct outcome *out)
{
	if (op->kind == OP_CHECK)
		out->ret = ptw_check(world.pgtable, 0, NULL);
	else if (op->kind == OP_DUMP)
		out->ret = ptw_dump(world.pgtable, 0, 0, ignore_line, NULL);
	else
		out->ret = ptw_barrier();
	if (out->ret != PTW_OK)
		unexpected("check, dump or barrier", out->ret);
}

static void do_operation(const struct operation *op, struct outcome *out)
{
	switch (op->kind) {
	case OP_MAP:
		do_map(op, out);
		break;
	case OP_UNMAP:
		do_unmap(op, out);
		break;
	case OP_HARVEST:
		do_harvest(op, out);
		break;
	case OP_TEST_CLEAR:
		do_test_clear(op, out);
		break;
	case OP_QUERY:
		do_query(op, out);
		break;
	case OP_WALK:
		do_walk(op, out);
		break;
	case OP_PROTECT:
	case OP_WRITE_PROTECT:
	case OP_SET_USER:
		do_protect(op, out);
		break;
	case OP_SPLIT:
	case OP_COLLAPSE:
	case OP_RECLAIM:
		do_reshape(op, out);
		break;
	case OP_READ:
	case OP_WRITE:
		cpu_access(op, out);
		break;
	default:
		do_look(op, out);
	}
	out->done = true;
}

static void thread_run(void *argument)
{
	const struct operation *op = argument;
	struct outcome *out = world.outcome[scheduler_self()];

	for (unsigned int i = 0; i < OPERATIONS_MAX && op[i].kind != OP_END; i++)
		do_operation(&op[i], &out[i]);
}

void world_open(const struct scenario *scenario)
{
	struct ptw_config config;
	struct outcome out;
	int ret;

	memset(&world, 0, sizeof(world));
	world.scenario = scenario;
	world.pages = scenario->pages ? scenario->pages : 64;
	schedule_memory_reset(scenario->reuse);
	schedule_rcu_reset(scenario->late);
	ret = ptw_preset(scenario->preset ? scenario->preset : "perverse", &config);
	if (ret)
		unexpected("preset", ret);
	if (!scenario->preset)
		config.levels = scenario->levels ? scenario->levels : 2;
	else if (scenario->levels)
		config.levels = scenario->levels;
	if (scenario->ia_bits)
		config.ia_bits = scenario->ia_bits;
	config.features &= ~scenario->features_off;
	config.bbm_level = scenario->bbm_level;
	config.reclaim_delay = scenario->reclaim_delay;
	config.backlog_limit = scenario->backlog_limit;
	config.flags = scenario->config_flags;
	config.flush = cpus_flush;
	ret = ptw_pgtable_create(&config, &world.pgtable);
	if (ret)
		unexpected("create", ret);
	world.info.size = sizeof(world.info);
	ptw_pgtable_info(world.pgtable, &world.info);
	for (const struct operation *op = scenario->setup; op->kind != OP_END; op++) {
		out = (struct outcome){0};
		if (op->kind == OP_READ || op->kind == OP_WRITE)
			cpus_open(false);
		do_operation(op, &out);
		if (out.ret < 0 && out.ret != PTW_ERR_BACKLOG)
			unexpected("set-up", out.ret);
	}
	schedule_rcu_drain();
	cpus_open(true);
	schedule_memory_save();
	world.saved = world.live;
}

bool world_run(scheduler_policy_fn *policy, void *context)
{
	struct scheduler_task tasks[SCHEDULER_THREADS];
	unsigned int count = 0;

	schedule_memory_restore();
	schedule_rcu_reset(world.scenario->late);
	world.live = world.saved;
	memset(world.outcome, 0, sizeof(world.outcome));
	cpus_open(true);
	for (; count < SCHEDULER_THREADS && world.scenario->thread[count][0].kind != OP_END;
	     count++)
		tasks[count] = (struct scheduler_task){
			thread_run, (void *)(uintptr_t)world.scenario->thread[count]};
	if (!scheduler_run(tasks, count, policy, context))
		return false;
	schedule_rcu_drain();
	ledger_check();
	if (world.scenario->check)
		world.scenario->check();
	ledger_close();
	return true;
}

const struct outcome *world_outcome(unsigned int thread, unsigned int operation)
{
	return &world.outcome[thread][operation];
}

bool world_unmaps(unsigned int thread, unsigned int operation, unsigned int page)
{
	const struct operation *op = &world.scenario->thread[thread][operation];

	return op->kind == OP_UNMAP && page >= op->page && page < op->page + op->pages;
}

int world_mapper(unsigned int page, unsigned int *level)
{
	struct ptw_query query = {.size = sizeof(query)};

	if (ptw_query(world.pgtable, ia_of(page), &query))
		return -1;
	if (level)
		*level = query.level;
	return (int)(query.leaf.oa >> 32) - 1;
}

unsigned int world_hidden(void)
{
	struct ptw_prune prune = {.size = sizeof(prune), .pass = 1};
	struct ptw_harvest harvest = {
		.size = sizeof(harvest), .flags = PTW_HARVEST_ACCESSED, .prune = &prune};
	struct ptw_harvest_result r = {.size = sizeof(r)};

	if (ptw_harvest(world.pgtable, 0, ia_of(world.pages), &harvest, &r))
		scheduler_fail("a pruned pass fails");
	harvest.prune = NULL;
	harvest.flags |= PTW_HARVEST_PEEK;
	if (ptw_harvest(world.pgtable, 0, ia_of(world.pages), &harvest, &r))
		scheduler_fail("a look fails");
	return (unsigned int)r.young_pages;
}

unsigned int world_tables(void)
{
	return schedule_tables_live();
}
