/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "tests/schedule/space_world.h"

#include <string.h>

#include "tests/schedule/schedule_memory.h"
#include "tests/schedule/space_ledger.h"

struct space_world space_world;

static void expect_ok(const char *what, int ret)
{
	if (ret)
		scheduler_fail("%s: %d (%s)", what, ret, ptw_strerror(ret));
}

static void thread_run(void *argument)
{
	const struct operation *op = argument;
	struct space_outcome *out = space_world.outcome[scheduler_self()];

	for (unsigned int i = 0; i < OPERATIONS_MAX && op[i].kind != OP_END; i++)
		space_operation(&op[i], &out[i]);
}

static void open_shadow(void)
{
	const struct ptw_rmap_config rmap = {
		.size = sizeof(rmap), .frames = SLOT_PAGES, .levels = 1};
	const struct ptw_mmu_shadow shadow = {
		.size = sizeof(shadow), .rmaps = &space_world.rmap, .count = 1};
	struct ptw_mmu_shadow config = shadow;
	struct ptw_slot slot = {.size = sizeof(slot), .pages = SLOT_PAGES};

	expect_ok("reverse map", ptw_rmap_create(&rmap, &space_world.rmap));
	config.like = space_world.like;
	expect_ok("shadow MMU", ptw_mmu_shadow_create(&config, &space_world.shadow));
	expect_ok("register", ptw_space_register(space_world.space, &space_world.shadow, NULL,
						 &space_world.shadow_id));
	slot.mmu = space_world.shadow_id;
	expect_ok("slot", ptw_space_add_slot(space_world.space, &slot));
}

void space_open(const struct scenario *scenario)
{
	struct ptw_space_config config = {.size = sizeof(config)};
	struct ptw_config like;
	struct space_outcome out;

	memset(&space_world, 0, sizeof(space_world));
	space_world.scenario = scenario;
	schedule_memory_reset(scenario->reuse);
	schedule_rcu_reset(scenario->late);
	expect_ok("preset", ptw_preset("ept4", &like));
	expect_ok("page table", ptw_pgtable_create(&like, &space_world.like));
	expect_ok("space", ptw_space_create(&config, &space_world.space));
	open_shadow();
	for (unsigned int i = 0; i < ENTRIES; i++) {
		space_world.live.frame[i] = -1;
		space_world.live.entry[i] = ptw_port_zalloc(sizeof(struct lone_entry));
		if (!space_world.live.entry[i])
			scheduler_fail("no memory for entries");
	}
	for (const struct operation *op = scenario->setup; op->kind != OP_END; op++) {
		out = (struct space_outcome){0};
		space_operation(op, &out);
	}
	schedule_rcu_drain();
	schedule_memory_save();
	space_world.saved = space_world.live;
}

bool space_run(scheduler_policy_fn *policy, void *context)
{
	struct scheduler_task tasks[SCHEDULER_THREADS];
	const struct operation(*thread)[OPERATIONS_MAX] = space_world.scenario->thread;
	struct ptw_space *const space = space_world.space;
	struct ptw_rmap *const rmap = space_world.rmap;
	struct ptw_pgtable *const like = space_world.like;
	const struct ptw_mmu shadow = space_world.shadow;
	unsigned int count = 0;

	schedule_memory_restore();
	schedule_rcu_reset(space_world.scenario->late);
	space_world.live = space_world.saved;
	memset(space_world.outcome, 0, sizeof(space_world.outcome));
	for (; count < SCHEDULER_THREADS && thread[count][0].kind != OP_END; count++)
		tasks[count] = (struct scheduler_task){thread_run,
						       (void *)(uintptr_t)thread[count]};
	if (!scheduler_run(tasks, count, policy, context))
		return false;
	schedule_rcu_drain();
	space_check();
	if (space_world.scenario->check)
		space_world.scenario->check();
	space_close();
	/* For the next run, which begins with the memory of before. */
	space_world.space = space;
	space_world.rmap = rmap;
	space_world.like = like;
	space_world.shadow = shadow;
	return true;
}

const struct space_outcome *space_outcome(unsigned int thread, unsigned int operation)
{
	return &space_world.outcome[thread][operation];
}
