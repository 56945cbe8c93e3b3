/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The other writer, played by the test: by a function that the port's hook calls before a certain
 * access, always the same, or by writing the value of an owned entry.
 */
#ifndef PTW_TESTS_CONFLICTS_H
#define PTW_TESTS_CONFLICTS_H

#include <ptw/port.h>

#include "tests/unit/changes.h"
#include "tests/unit/owner.h"

__thread void (*test_hook)(int op, const void *address);

/* What happens before the n-th access of a kind, to an address or to any. */
static struct {
	int op; /* enum ptw_port_op */
	const void *address; /* null: any */
	unsigned int nth;
	unsigned int seen;
	void (*act)(void);
} plan;

static inline void hook(int op, const void *address)
{
	if (op != plan.op || (plan.address && address != plan.address) || ++plan.seen != plan.nth)
		return;
	/* What the test does is not a part of the plan. */
	test_hook = NULL;
	plan.act();
	test_hook = hook;
}

static inline void plan_act(int op, const void *address, unsigned int nth, void (*act)(void))
{
	plan.op = op;
	plan.address = address;
	plan.nth = nth;
	plan.seen = 0;
	plan.act = act;
	test_hook = hook;
}

static inline void plan_done(void)
{
	test_hook = NULL;
	cr_assert_geq(plan.seen, plan.nth, "the point was never reached");
}

static inline uint64_t frozen_value(void)
{
	return ptw_layout_own(&m.config)->frozen;
}

static inline uint64_t empty_value(void)
{
	return ptw_layout_own(&m.config)->empty;
}

static inline uint64_t held_bit(unsigned int level)
{
	return m.config.format == PTW_FORMAT_PERVERSE ? turn(1 << 8, level) :
							ptw_layout_own(&m.config)->held;
}

static inline uint64_t accessed_bit(unsigned int level)
{
	switch (m.config.format) {
	case PTW_FORMAT_EPT:
		return 1 << 8;
	case PTW_FORMAT_X86_64:
		return 1 << 5;
	case PTW_FORMAT_PERVERSE:
		return turn(1 << 5, level);
	default:
		return 1 << 10;
	}
}

/* An entry that somebody owns: frozen, or a leaf on hold. */
static uint64_t *owned_slot, owned_before;

static inline void own(uint64_t ia, unsigned int level, bool hold)
{
	owned_slot = slot_of(ia, level);
	owned_before = *owned_slot;
	*owned_slot = hold ? owned_before | held_bit(level) : frozen_value();
}

static inline void disown(void)
{
	*owned_slot = owned_before;
}

/* Groups would be owned through their first member; they have tests of their own. */
static inline void open_without_groups(const char *preset)
{
	machine_preset(&m, preset);
	m.config.features &= ~(uint32_t)PTW_FEATURE_CONTIG;
	machine_start(&m, 0);
}

#define for_each_preset_and_way(preset, hold) \
	for_each_preset(preset)               \
		for (unsigned int hold = 0; hold < 2; hold++)

#endif /* PTW_TESTS_CONFLICTS_H */
