/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Gates: the order of invalidations and of faults that install secondary mappings.
 *
 * Each gate is one word: a sequence number (32 bits), invalidations under way (16), faults that have
 * entered (16). As all three are in one word, a fault that enters and an invalidation that begins are
 * ordered by it alone: whichever comes second sees the first.
 */
#include "lib/mmu/gate.h"

#include "lib/mmu/space.h"

#define PTW_GATE_SEQUENCE ((uint64_t)1 << 32)
#define PTW_GATE_ACTIVE   ((uint64_t)1 << 16)
#define PTW_GATE_ENTERED  ((uint64_t)1)

/* Pages of one run that share a gate: 2 MiB of 4-KiB pages. */
#define PTW_GATE_LG2 9

/* How often unmap looks whether faults have left: some microseconds. */
#define PTW_GATE_TRIES 4096u

static uint64_t ptw_gate_active(uint64_t word)
{
	return word >> 16 & 0xffff;
}

static uint64_t ptw_gate_entered(uint64_t word)
{
	return word & 0xffff;
}

/* Gates of a range: from one run of pages to another, each gate once. */
struct ptw_gates {
	uint64_t run;
	uint64_t count;
};

static struct ptw_gates ptw_gates_of(uint64_t start, uint64_t end)
{
	const uint64_t run = start >> PTW_GATE_LG2;
	const uint64_t count = ((end - 1) >> PTW_GATE_LG2) - run + 1;

	/* An end that wraps: all of them. */
	return (struct ptw_gates){ run, end > start && count < PTW_GATES ? count : PTW_GATES };
}

static uint64_t *ptw_gate(struct ptw_space *space, const struct ptw_gates *gates, uint64_t i)
{
	return &space->gate[(gates->run + i) & (PTW_GATES - 1)];
}

static int ptw_gate_range(const struct ptw_space *space, uint64_t start, uint64_t end)
{
	if (!space)
		return PTW_ERR_ARG;
	return start < end ? PTW_OK : PTW_ERR_RANGE;
}

static void ptw_gate_add(uint64_t *gate, uint64_t what)
{
	uint64_t word = ptw_port_load(gate);

	/* Release, partner the acquire of whoever waits for it, or begins after it. */
	while (!ptw_port_cas(gate, &word, word + what))
		;
}

int ptw_space_invalidate_begin(struct ptw_space *space, uint64_t start, uint64_t end)
{
	struct ptw_gates gates;
	int ret = ptw_gate_range(space, start, end);

	if (ret)
		return ret;
	gates = ptw_gates_of(start, end);
	for (uint64_t i = 0; i < gates.count; i++) {
		uint64_t *gate = ptw_gate(space, &gates, i);
		uint64_t word = ptw_port_load(gate);

		do {
			if (ptw_gate_active(word) == 0xffff) {
				while (i--)
					ptw_gate_add(ptw_gate(space, &gates, i), -PTW_GATE_ACTIVE);
				return PTW_ERR_LIMIT;
			}
			/* Acquire-release, partner the compare-exchange in ptw_space_fault_enter(). */
		} while (!ptw_port_cas(gate, &word, word + PTW_GATE_SEQUENCE + PTW_GATE_ACTIVE));
	}
	return PTW_OK;
}

bool ptw_gates_closed(struct ptw_space *space, uint64_t start, uint64_t end)
{
	const struct ptw_gates gates = ptw_gates_of(start, end);

	for (uint64_t i = 0; i < gates.count; i++)
		if (!ptw_gate_active(ptw_port_load_table(ptw_gate(space, &gates, i))))
			return false;
	return true;
}

bool ptw_gate_closed(struct ptw_space *space, uint64_t page)
{
	return ptw_gates_closed(space, page, page + 1);
}

int ptw_space_invalidate_end(struct ptw_space *space, uint64_t start, uint64_t end)
{
	struct ptw_gates gates;
	int ret = ptw_gate_range(space, start, end);

	if (ret)
		return ret;
	if (!ptw_gates_closed(space, start, end))
		return PTW_ERR_ARG;
	gates = ptw_gates_of(start, end);
	/* The sequence grows here, too: a fault that began meanwhile may have asked the primary before it
	 * changed. */
	for (uint64_t i = 0; i < gates.count; i++)
		ptw_gate_add(ptw_gate(space, &gates, i), PTW_GATE_SEQUENCE - PTW_GATE_ACTIVE);
	return PTW_OK;
}

bool ptw_gates_left(struct ptw_space *space, uint64_t start, uint64_t end)
{
	const struct ptw_gates gates = ptw_gates_of(start, end);
	unsigned int tries = PTW_GATE_TRIES;

	for (uint64_t i = 0; i < gates.count; i++) {
		/* Acquire, partner the release in ptw_space_fault_leave(): what was installed is seen. */
		while (ptw_gate_entered(ptw_port_load_table(ptw_gate(space, &gates, i))))
			if (!tries--)
				return false;
	}
	return true;
}

uint64_t ptw_space_fault_begin(struct ptw_space *space, uint64_t page, uint64_t pages)
{
	const struct ptw_gates gates = ptw_gates_of(page, page + (pages ? pages : 1));
	uint64_t ticket = 0;

	/* A sum of sequences that only grow is the same only if each is. Acquire, partner the release in
	 * ptw_space_invalidate_end(): the primary is asked after it. */
	for (uint64_t i = 0; i < gates.count; i++)
		ticket += ptw_port_load_table(ptw_gate(space, &gates, i)) >> 32;
	return ticket;
}

int ptw_space_fault_enter(struct ptw_space *space, uint64_t page, uint64_t pages, uint64_t ticket)
{
	const struct ptw_gates gates = ptw_gates_of(page, page + (pages ? pages : 1));
	uint64_t sum = 0;
	uint64_t i;

	for (i = 0; i < gates.count; i++) {
		uint64_t *gate = ptw_gate(space, &gates, i);
		uint64_t word = ptw_port_load(gate);

		do {
			if (ptw_gate_active(word) || ptw_gate_entered(word) == 0xffff)
				goto refused;
			/* Acquire-release, partner the compare-exchange in
			 * ptw_space_invalidate_begin(). */
		} while (!ptw_port_cas(gate, &word, word + PTW_GATE_ENTERED));
		sum += word >> 32;
	}
	/* Not only whether one is under way: one that began and ended since is as bad. */
	if (sum == ticket)
		return PTW_OK;
refused:
	while (i--)
		ptw_gate_add(ptw_gate(space, &gates, i), -PTW_GATE_ENTERED);
	return PTW_ERR_AGAIN;
}

void ptw_space_fault_leave(struct ptw_space *space, uint64_t page, uint64_t pages)
{
	const struct ptw_gates gates = ptw_gates_of(page, page + (pages ? pages : 1));

	for (uint64_t i = 0; i < gates.count; i++)
		ptw_gate_add(ptw_gate(space, &gates, i), -PTW_GATE_ENTERED);
}
