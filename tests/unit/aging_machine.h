/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A space whose pages a host and a guest map, and a source over it, for the tests of ageing through spaces. */
#ifndef PTW_TESTS_AGING_MACHINE_H
#define PTW_TESTS_AGING_MACHINE_H

#include "tests/unit/fake_mmu.h"

#include <ptw/aging.h>
#include <ptw/engine_enable.h>

#define PAGES	8192u
#define REGIONS (PAGES / PTW_AGING_REGION)
#define FIRST	4096u /* page of the engine */
#define HOME	16384u /* page of the space */
#define ALL	(uint32_t)PTW_ENABLE_ALL

static struct machine host, guest;
static struct ptw_mmu host_mmu, guest_mmu;
static struct ptw_space *space;
static struct ptw_engine *engine;
static struct ptw_group *group;
static struct ptw_group_config served;
static struct ptw_aging *aging;
static struct ptw_aging_state before;
static uint64_t seen[PAGES / 64];
static int between_returns;
static unsigned int betweens;
static uint8_t put_out_result = PTW_EVICTED;
static uint64_t put_out, put_out_pages[PAGES];

static inline int between(void *context)
{
	(void)context;
	betweens++;
	return between_returns;
}

static inline int put_out_victims(void *context, const struct ptw_aging_victims *v)
{
	(void)context;
	cr_assert_eq(v->space, space);
	cr_assert_eq(v->owner, &served);
	for (unsigned int i = 0; i < v->n; i++) {
		cr_assert_eq(v->number[i] - FIRST, v->page[i] - HOME);
		put_out_pages[put_out++ % PAGES] = v->number[i];
		v->result[i] = put_out_result;
	}
	return 0;
}

static inline void open_table(struct machine *m, struct ptw_mmu *mmu, const char *preset,
			      uint64_t page)
{
	const struct ptw_mmu_table config = {
		.size = sizeof(config), .pgtables = &m->pgtable, .count = 1, .frame_lg2 = 12};

	machine_open(m, preset);
	map_levels(m, page << 12, (page + PAGES) << 12, 0, 1);
	cr_assert_eq(ptw_mmu_table_create(&config, mmu), PTW_OK);
}

static inline void register_guest(const struct ptw_mmu *mmu)
{
	struct ptw_slot slot = {.size = sizeof(slot), .pages = PAGES, .page = HOME};

	cr_assert_eq(ptw_space_register(space, mmu, NULL, &slot.mmu), PTW_OK);
	cr_assert_eq(ptw_space_add_slot(space, &slot), PTW_OK);
}

static inline struct ptw_aging_run whole_run(void)
{
	return (struct ptw_aging_run){.size = sizeof(struct ptw_aging_run), .first = FIRST,
				      .pages = PAGES, .space = space, .page = HOME,
				      .owner = &served};
}

static inline void open_source(const char *host_preset, const char *guest_preset, uint32_t flags,
			       uint32_t full_every)
{
	const struct ptw_engine_config engine_config = {.size = sizeof(engine_config),
							.pages = FIRST + PAGES};
	struct ptw_aging_config config = {.size = sizeof(config), .evict = put_out_victims,
					  .between = between, .flags = flags,
					  .full_every = full_every};
	struct ptw_space_config space_config = {.size = sizeof(space_config),
						.primary = &host_mmu};
	struct ptw_aging_run attached;

	open_table(&host, &host_mmu, host_preset, HOME);
	cr_assert_eq(ptw_space_create(&space_config, &space), PTW_OK);
	if (guest_preset) {
		open_table(&guest, &guest_mmu, guest_preset, 0);
		register_guest(&guest_mmu);
	}
	cr_assert_eq(ptw_engine_create(&engine_config, &engine), PTW_OK);
	config.engine = engine;
	cr_assert_eq(ptw_aging_create(&config, &aging), PTW_OK);
	served = (struct ptw_group_config){.size = sizeof(served)};
	cr_assert_eq(ptw_aging_serve(aging, &served), PTW_OK);
	cr_assert_eq(ptw_group_create(engine, &served, &group), PTW_OK);
	cr_assert_eq(ptw_group_attach(group, FIRST, PAGES), PTW_OK);
	for (uint64_t i = 0; i < PAGES; i++)
		cr_assert_eq(ptw_page_add(engine, FIRST + i), PTW_OK);
	attached = whole_run();
	cr_assert_eq(ptw_aging_attach(aging, &attached), PTW_OK);
	between_returns = 0;
	betweens = 0;
	put_out = 0;
	put_out_result = PTW_EVICTED;
}

static inline void close_source(void)
{
	cr_assert_eq(ptw_engine_check(engine), PTW_OK);
	ptw_engine_destroy(engine);
	cr_assert_eq(ptw_aging_destroy(aging), PTW_OK);
	cr_assert_eq(ptw_space_destroy(space), PTW_OK);
	ptw_mmu_destroy(&host_mmu);
	machine_close(&host);
	if (guest.pgtable) {
		ptw_mmu_destroy(&guest_mmu);
		machine_close(&guest);
	}
}

static inline void by_host(uint64_t i)
{
	touch(&host, (HOME + i) << 12);
}

static inline void by_guest(uint64_t i)
{
	touch(&guest, i << 12);
}

static inline int see(void *sink, uint64_t page, uint64_t young, uint64_t dirty)
{
	(void)dirty;
	cr_assert_eq(sink, seen);
	seen[(page - FIRST) / 64] |= young;
	return 0;
}

static inline struct ptw_aging_state now(void)
{
	struct ptw_aging_state s = {.size = sizeof(s)};

	cr_assert_eq(ptw_aging_state(aging, &s), PTW_OK);
	return s;
}

/* A harvest into `seen`, of what the group has. Returns how many pages it found. */
static inline uint64_t harvest(int expected)
{
	uint64_t n = 0;

	memset(seen, 0, sizeof(seen));
	before = now();
	cr_assert_eq(served.ops.harvest(served.context, FIRST, PAGES, see, seen), expected);
	for (unsigned int i = 0; i < PAGES / 64; i++)
		n += (unsigned int)__builtin_popcountll(seen[i]);
	return n;
}

static inline bool was_seen(uint64_t i)
{
	return seen[i / 64] >> (i % 64) & 1;
}

#endif /* PTW_TESTS_AGING_MACHINE_H */
