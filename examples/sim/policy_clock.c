/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Second chance: one accessed bit per page and a hand that goes round the frames, clears bits that
 * are set and puts out the first page whose bit is clear. A page comes in with its bit set, since
 * the reference that faulted is repeated and sets it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "policy.h"

struct clock {
	uint32_t frames;
	uint32_t resident;
	uint32_t hand;
	uint32_t *frame_page; /* which page a frame holds */
	uint8_t *page_state;  /* by page: 0 = not resident, else PRESENT and perhaps ACCESSED */
	uint64_t single_checks;
	uint64_t harvested;
};

enum {
	PRESENT = 1,
	ACCESSED = 2
};

static void clock_destroy(void *state)
{
	struct clock *clock = state;

	free(clock->frame_page);
	free(clock->page_state);
	free(clock);
}

static void *clock_create(const struct sim_config *config)
{
	struct clock *clock = calloc(1, sizeof(*clock));

	if (clock) {
		clock->frames = config->frames;
		clock->frame_page = calloc(config->frames, sizeof(*clock->frame_page));
		clock->page_state = calloc(config->pages, sizeof(*clock->page_state));
		if (clock->frame_page && clock->page_state)
			return clock;
		clock_destroy(clock);
	}
	snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for %u frames and %u pages",
		 config->frames, config->pages);
	return NULL;
}

/* Frame of the first page, from the hand on, that was not accessed since the hand was there. */
static uint32_t clock_victim(struct clock *clock)
{
	for (;;) {
		uint32_t frame = clock->hand;
		uint8_t *state = &clock->page_state[clock->frame_page[frame]];

		clock->hand = frame + 1 == clock->frames ? 0 : frame + 1;
		clock->single_checks++;
		if (!(*state & ACCESSED))
			return frame;
		*state = PRESENT;
		clock->harvested++;
	}
}

static struct sim_outcome clock_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct clock *clock = state;
	uint32_t frame;

	(void)write;
	if (!clock->page_state[page]) {
		outcome.event = SIM_FAULT;
		if (clock->resident < clock->frames) {
			frame = clock->resident++;
		} else {
			frame = clock_victim(clock);
			outcome.evicted = clock->frame_page[frame];
			clock->page_state[outcome.evicted] = 0;
		}
		clock->frame_page[frame] = page;
	}
	clock->page_state[page] = PRESENT | ACCESSED;
	return outcome;
}

static void clock_counters(void *state, struct sim_counters *out)
{
	const struct clock *clock = state;

	out->single_checks = clock->single_checks;
	out->harvested = clock->harvested;
}

const struct sim_policy sim_policy_clock = {
	.name = "clock",
	.about = "second chance: a hand that looks at one accessed bit at a time",
	.reference = true,
	.create = clock_create,
	.destroy = clock_destroy,
	.access = clock_access,
	.counters = clock_counters,
};
