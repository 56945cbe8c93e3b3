/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * An active and an inactive list by accessed bits, as kernels had them before generations. A page
 * comes in at the head of the inactive list, accessed, since the reference that faulted is repeated.
 * At its tail: an accessed page goes back to its head the first time, to the active list if it was
 * seen accessed before; one that is not goes out. While the active list is the longer one, pages go
 * from its tail to the head of the inactive one, accessed or not, their bit cleared.
 *
 * "Seen accessed before" is one flag of a page. It is set by what was seen at the tail, kept by way
 * of the active list, and cleared by the next look at the tail.
 */
#include <stdio.h>
#include <stdlib.h>

#include "page_list.h"
#include "policy.h"

enum {
	RESIDENT = 1,
	ACCESSED = 2,
	SEEN = 4
};

struct twolist {
	uint32_t frames;
	struct page_link *links;
	uint8_t *page_state; /* 0: not resident */
	struct page_list active;
	struct page_list inactive;
	uint64_t single_checks;
	uint64_t harvested;
};

static void twolist_destroy(void *state)
{
	struct twolist *two = state;

	free(two->links);
	free(two->page_state);
	free(two);
}

static void *twolist_create(const struct sim_config *config)
{
	struct twolist *two = calloc(1, sizeof(*two));

	if (two) {
		two->frames = config->frames;
		two->links = calloc(config->pages, sizeof(*two->links));
		two->page_state = calloc(config->pages, sizeof(*two->page_state));
		if (two->links && two->page_state)
			return two;
		twolist_destroy(two);
	}
	snprintf(config->error, SIM_ERROR_SIZE, "not enough memory for the lists of %u pages",
		 config->pages);
	return NULL;
}

static bool test_clear_accessed(struct twolist *two, uint32_t page)
{
	bool accessed = two->page_state[page] & ACCESSED;

	two->page_state[page] &= (uint8_t)~ACCESSED;
	two->single_checks++;
	two->harvested += accessed;
	return accessed;
}

static void balance(struct twolist *two)
{
	while (two->active.pages > two->inactive.pages) {
		uint32_t page = page_list_take_oldest(&two->active, two->links);

		test_clear_accessed(two, page);
		page_list_add(&two->inactive, two->links, page);
	}
}

/* Every page that stays loses its accessed bit, so that this ends. */
static uint32_t twolist_evict(struct twolist *two)
{
	for (;;) {
		bool accessed, seen;
		uint32_t page;

		balance(two);
		page = page_list_take_oldest(&two->inactive, two->links);
		accessed = test_clear_accessed(two, page);
		seen = two->page_state[page] & SEEN;
		if (!accessed) {
			two->page_state[page] = 0;
			return page;
		}
		two->page_state[page] = RESIDENT | SEEN;
		page_list_add(seen ? &two->active : &two->inactive, two->links, page);
	}
}

static struct sim_outcome twolist_access(void *state, uint32_t page, bool write)
{
	struct sim_outcome outcome = {SIM_HIT, SIM_NO_PAGE};
	struct twolist *two = state;

	(void)write;
	if (!two->page_state[page]) {
		outcome.event = SIM_FAULT;
		if (two->active.pages + two->inactive.pages == two->frames)
			outcome.evicted = twolist_evict(two);
		two->page_state[page] = RESIDENT;
		page_list_add(&two->inactive, two->links, page);
	}
	two->page_state[page] |= ACCESSED;
	return outcome;
}

static void twolist_counters(void *state, struct sim_counters *out)
{
	const struct twolist *two = state;

	out->single_checks = two->single_checks;
	out->harvested = two->harvested;
}

const struct sim_policy sim_policy_twolist = {
	.name = "twolist",
	.about = "active and inactive list by accessed bits",
	.reference = true,
	.create = twolist_create,
	.destroy = twolist_destroy,
	.access = twolist_access,
	.counters = twolist_counters,
};
