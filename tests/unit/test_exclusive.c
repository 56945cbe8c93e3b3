/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* PTW_WRITERS_EXCLUSIVE: the same answers as without it, operation by operation. */
#include "tests/unit/changes.h"

/* [1] has the flag. */
static struct machine m[2];

#define BLOCKS 5
#define WORDS  ((BLOCKS << 13) / 64 + 1) /* 64K granule: 8192 pages a block */

/* Leaves alone: table entries say where the tables lie. */
static int leaf_hash_visit(void *context, const struct ptw_visit *visit)
{
	uint64_t *hash = context;

	for (unsigned int i = 0; i < visit->count; i++) {
		if (!(visit->leaves >> i & 1))
			continue;
		*hash = (*hash ^ (visit->ia + i * visit->size)) * 0x100000001b3u;
		*hash = (*hash ^ visit->level) * 0x100000001b3u;
		*hash = (*hash ^ visit->entries[i]) * 0x100000001b3u;
		*hash ^= *hash >> 29;
	}
	return PTW_VISIT_NEXT;
}

static uint64_t leaf_hash(struct machine *machine)
{
	uint64_t hash = 1;
	const struct ptw_walk walk = { .size = sizeof(walk), .kinds = PTW_VISIT_LEAF,
				       .visit = leaf_hash_visit, .context = &hash };

	cr_assert_eq(ptw_walk(machine->pgtable, 0, machine->ia_end, &walk, NULL), PTW_OK);
	return hash;
}

/* One operation, drawn once and done to both. */
struct drawn {
	unsigned int what;
	uint64_t start, end, oa;
	uint32_t flags, prot, level, access;
};

struct answer {
	int ret;
	struct ptw_change_result result;
	struct ptw_harvest_result found;
	uint64_t hash;
	struct ptw_info info;
	unsigned int flushes;
	struct ptw_range flushed;
	uint64_t young[WORDS], dirty[WORDS];
};

static struct answer answer[2];

enum { MAP, UNMAP, PROTECT, WRITE_PROTECT, USER_BIT_OP, SPLIT, COLLAPSE, RECLAIM, FIX, HARVEST,
       ACCESS, OPERATIONS };

static struct drawn draw(uint64_t *random)
{
	const struct machine *a = &m[0];
	const uint64_t block = entry_size(a, 1), group = 16 * a->granule;
	const uint64_t unit[] = { block, block, group < block ? group : block, a->granule };
	const uint64_t step = unit[random_below(random, 4)], n = BLOCKS * block / step;
	struct drawn d = { .what = (unsigned int)random_below(random, OPERATIONS + 3) };

	/* Mapping more often, or there is nothing to change. */
	if (d.what >= OPERATIONS)
		d.what = d.what == OPERATIONS ? ACCESS : MAP;
	d.start = random_below(random, n) * step;
	d.end = d.start + (1 + random_below(random, 3)) * step;
	if (d.end > BLOCKS * block)
		d.end = BLOCKS * block;
	/* Mostly in step, so that large leaves fit. */
	d.oa = d.start + (random_chance(random, 80) ? 0 : a->granule);
	d.flags = (uint32_t)random_below(random, 8);
	d.prot = full_access(a).prot;
	if (random_chance(random, 30))
		d.prot &= ~(uint32_t)PTW_PROT_WRITE;
	d.level = (uint32_t)random_below(random, 3);
	d.access = random_chance(random, 50) ? PTW_ACCESS_WRITE : PTW_ACCESS_READ;
	if (d.prot & PTW_PROT_USER)
		d.access |= PTW_ACCESS_USER;
	return d;
}

static int work(struct machine *machine, const struct drawn *d, struct answer *a)
{
	struct ptw_pgtable *p = machine->pgtable;
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = d->prot,
		.flags = (d->flags & 1 ? PTW_LEAF_YOUNG : 0) |
			 (d->flags & 4 ? PTW_LEAF_USER_BIT : 0),
		.page_levels = d->level,
	};
	const struct ptw_unmap unmap = { .size = sizeof(unmap), .young = a->young,
					 .dirty = a->dirty,
					 .flags = d->flags == 7 ? PTW_UNMAP_STRICT : 0 };
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = 1 + d->flags % 3,
		.young = a->young,
		.dirty = a->dirty,
	};

	switch (d->what) {
	case MAP:
		return ptw_map(p, d->start, d->end, d->oa, &map, &a->result);
	case UNMAP:
		return ptw_unmap(p, d->start, d->end, &unmap, &a->result);
	case PROTECT:
		return ptw_protect(p, d->start, d->end, d->prot, a->dirty, &a->result);
	case WRITE_PROTECT:
		return ptw_write_protect(p, d->start, d->end, d->flags & 1, a->dirty, &a->result);
	case USER_BIT_OP:
		return ptw_set_user_bit(p, d->start, d->end, d->flags & 1, &a->result);
	case SPLIT:
		return ptw_split(p, d->start, d->end, d->level, &a->result);
	case COLLAPSE:
		return ptw_collapse(p, d->start, d->end, d->level, &a->result);
	case RECLAIM:
		return d->flags & 1 ? ptw_reclaim(p, 0, 0, &a->result) :
				      ptw_reclaim(p, d->start, d->end, &a->result);
	case FIX:
		return ptw_fix_fault(p, d->start, d->access);
	case HARVEST:
		return ptw_harvest(p, d->start, d->end, &harvest, &a->found);
	default:
		return access_once(machine, d->start, d->access);
	}
}

static void do_to(unsigned int which, const struct drawn *d)
{
	struct answer *a = &answer[which];
	struct machine *machine = &m[which];

	memset(a, 0, sizeof(*a));
	a->result.size = sizeof(a->result);
	a->found.size = sizeof(a->found);
	forget_flushes(machine);
	a->ret = work(machine, d, a);
	a->hash = leaf_hash(machine);
	a->flushes = machine->flushes;
	a->flushed = machine->flushed;
	machine_info(machine);
	a->info = machine->info;
	/* Where the tables lie, and when they are freed, is chance. */
	a->info.root = 0;
	a->info.tables_retired = 0;
	a->info.bytes = 0;
	assert_sound(machine);
}

Test(exclusive, same_answers, .timeout = 600)
{
	static const uint32_t delays[] = { 0, 3, PTW_RECLAIM_NEVER };
	const unsigned int operations = 400 / test_slowness() + 20;
	uint64_t random = test_seed(), done = 0;
	const char *preset;

	for_each_preset(preset) {
		for (unsigned int i = 0; i < 2; i++) {
			machine_preset(&m[i], preset);
			m[i].config.flags = i ? PTW_WRITERS_EXCLUSIVE : 0;
			m[i].config.reclaim_delay = delays[preset_number % 3];
			if (bbm_levels(&m[i]) > 1)
				m[i].config.bbm_level = preset_number & 2;
			machine_start(&m[i], 0);
		}
		for (unsigned int i = 0; i < operations; i++) {
			const struct drawn d = draw(&random);

			do_to(0, &d);
			do_to(1, &d);
			cr_assert_eq(answer[0].ret, answer[1].ret);
			cr_assert_eq(memcmp(&answer[0], &answer[1], sizeof(answer[0])), 0,
				     "%s, operation %u (%u from %#" PRIx64 " to %#" PRIx64 ")",
				     preset, i, d.what, d.start, d.end);
			done += answer[0].ret == PTW_OK;
		}
		machine_close(&m[0]);
		machine_close(&m[1]);
	}
	/* Most of it must have been something. */
	cr_assert_geq(done, operations * 10u);
}

/* The hot loops that differ: whole tables, runs, and what stops a run. */
Test(exclusive, leaves_of_all_kinds)
{
	const char *preset;

	for_each_preset(preset) {
		struct ptw_change_result result;
		uint64_t block;

		machine_preset(&m[0], preset);
		m[0].config.flags = PTW_WRITERS_EXCLUSIVE;
		machine_start(&m[0], 0);
		block = entry_size(&m[0], 1);
		map_levels(&m[0], 0, 3 * block, 0, 1);
		map_levels(&m[0], 3 * block, 5 * block, 3 * block, 2);
		touch_write(&m[0], block);
		touch(&m[0], 4 * block);
		cr_assert_eq(map_result(&m[0], 0, 2 * block, 0, 1, PTW_ERR_EXISTS).reached, 0u);
		result = unmap_result(&m[0], 0, 5 * block, PTW_UNMAP_STRICT, PTW_OK);
		cr_assert_eq(result.holes, 0u);
		cr_assert_eq(result.dirty_extents, 1u);
		cr_assert_eq(result.young_extents, 2u);
		cr_assert_eq(tables_now(&m[0]), 0u);
		assert_sound(&m[0]);
		machine_close(&m[0]);
	}
}
