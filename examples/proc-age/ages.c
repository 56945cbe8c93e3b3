/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Units and the engine: a remote MMU (ptw/mmu.h) hands out what a source found, as the only MMU of a space, and the
 * library's ageing (ptw/aging.h) harvests that into generations. So this is all that a new source
 * of accessed bits takes.
 */
#include <ptw/ptw.h>

#include <stdlib.h>

#include "proc_age.h"

struct ages {
	uint64_t units;
	uint64_t *used; /* bitmap */
	uint64_t tick[AGES]; /* of the group, when each of the last steps began; modulo AGES */
	unsigned int steps;
	uint8_t idle[AGES]; /* steps, for an age in ticks */
	struct ptw_mmu mmu;
	struct ptw_space *space;
	struct ptw_engine *engine;
	struct ptw_aging *aging;
	struct ptw_group *group;
};

/* What was found in whole words, once. */
static int fetch(void *context, struct ptw_mmu_ask *ask)
{
	struct ages *ages = context;

	for (uint64_t word = ask->start / 64; word < ask->end / 64; word++) {
		const uint64_t young = ages->used[word];

		ask->young[word - ask->start / 64] |= young;
		ask->young_pages += (unsigned int)__builtin_popcountll(young);
		ages->used[word] = 0;
	}
	return PTW_OK;
}

static void must(int ret, const char *what)
{
	if (ret)
		give_up("%s: %s", what, ptw_strerror(ret));
}

struct ages *ages_create(uint64_t units)
{
	struct ages *ages = calloc(1, sizeof(*ages));
	struct ptw_engine_config engine = { .size = sizeof(engine), .pages = units,
					    .policy = &ptw_policy_idle_age };
	struct ptw_mmu_remote remote = { .size = sizeof(remote), .context = ages, .fetch = fetch,
					 .frames = units, .what = PTW_HARVEST_ACCESSED, .fast = 1 };
	struct ptw_space_config space = { .size = sizeof(space) };
	struct ptw_aging_config aging = { .size = sizeof(aging), .full_every = 1 };
	struct ptw_group_config group = { .size = sizeof(group) };
	struct ptw_aging_run run = { .size = sizeof(run), .pages = units };

	if (ages)
		ages->used = calloc(units / 64, sizeof(uint64_t));
	if (!ages || !ages->used)
		give_up("no memory for %llu units", (unsigned long long)units);
	ages->units = units;
	must(ptw_mmu_remote_create(&remote, &ages->mmu), "MMU");
	space.primary = &ages->mmu;
	must(ptw_space_create(&space, &ages->space), "space");
	must(ptw_engine_create(&engine, &ages->engine), "engine");
	aging.engine = ages->engine;
	must(ptw_aging_create(&aging, &ages->aging), "ageing");
	must(ptw_aging_serve(ages->aging, &group), "ageing");
	must(ptw_group_create(ages->engine, &group, &ages->group), "group");
	must(ptw_group_attach(ages->group, 0, units), "group");
	run.space = ages->space;
	must(ptw_aging_attach(ages->aging, &run), "run");
	return ages;
}

void ages_destroy(struct ages *ages)
{
	ptw_engine_destroy(ages->engine);
	ptw_aging_destroy(ages->aging);
	ptw_space_destroy(ages->space);
	ptw_mmu_destroy(&ages->mmu);
	free(ages->used);
	free(ages);
}

void ages_there(struct ages *ages, uint64_t unit)
{
	const int ret = ptw_page_add(ages->engine, unit);

	if (ret != PTW_ERR_EXISTS)
		must(ret, "unit");
}

void ages_used(struct ages *ages, uint64_t unit)
{
	ages_there(ages, unit);
	ages->used[unit / 64] |= (uint64_t)1 << unit % 64;
}

void ages_gone(struct ages *ages, uint64_t unit)
{
	const int ret = ptw_page_remove(ages->engine, unit);

	ages->used[unit / 64] &= ~((uint64_t)1 << unit % 64);
	if (ret != PTW_ERR_ABSENT)
		must(ret, "unit");
}

int ages_of(const struct ages *ages, uint64_t unit)
{
	const int age = ptw_page_age(ages->engine, unit);

	return age < 0 ? -1 : ages->idle[age < (int)AGES ? age : (int)AGES - 1];
}

/* The engine's ticks also pass while many pages come in. A page of an age has been idle in the
 * steps that began since. */
static void count_idle(struct ages *ages, uint64_t now)
{
	const unsigned int known = ages->steps < AGES ? ages->steps : AGES;
	unsigned int idle = 0;

	for (uint64_t age = 0; age < AGES; age++) {
		while (idle < known && ages->tick[(ages->steps - 1 - idle) % AGES] + age > now)
			idle++;
		ages->idle[age] = (uint8_t)(idle < AGES ? idle : AGES - 1);
	}
}

void ages_step(struct ages *ages)
{
	struct ptw_group_state state = { .size = sizeof(state) };

	must(ptw_group_age(ages->group), "ageing");
	must(ptw_group_state(ages->group, &state), "group");
	ages->tick[ages->steps++ % AGES] = state.ticks;
	count_idle(ages, state.ticks);
}
