/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Last looks, what is found around them, and victims on their way to who puts them out. */
#include "lib/aging/aging.h"

/* A page is young: its neighbours in the region may be, too. */
static uint64_t ptw_aging_around(struct ptw_aging *aging, struct ptw_aging_home *home,
				 uint64_t page, uint64_t said)
{
	const uint64_t at = home->run.page + (page - home->run.first);
	const uint64_t base = page & ~(uint64_t)63, left = home->run.first + home->run.pages - base;
	const uint64_t region = (page - home->run.first) / PTW_AGING_REGION;
	uint64_t young = 0, n = 0;
	const struct ptw_look_around how = {
		.size = sizeof(how),
		.said = said,
		.young = &young,
		.consumer = home->consumer,
	};

	/* The last window of a run may be cut; what lies beyond is somebody else's, who is a consumer then. */
	if (ptw_space_look_around(home->run.space, at, &how, NULL))
		ptw_aging_count(&aging->sum.failed, 1);
	if (left < 64)
		young &= ~(~(uint64_t)0 << left);
	young &= ~((uint64_t)1 << (page & 63));
	for (uint64_t rest = young; rest; rest &= rest - 1)
		n++;
	ptw_aging_count(&aging->sum.around, n);
	if (ptw_aging_bit(home->blind, region))
		ptw_aging_set(home->due, region);
	return young;
}

int ptw_aging_look(void *context, uint64_t page, uint64_t *around)
{
	struct ptw_aging *aging = context;
	struct ptw_aging_home *home = ptw_aging_get(aging, page, page + 1);
	struct ptw_reference how = {.size = sizeof(how)};
	struct ptw_reference_result found = {.size = sizeof(found)};
	uint64_t at, left = 0;
	int ret;

	if (!home) {
		ptw_aging_count(&aging->sum.homeless, 1);
		return 0;
	}
	at = home->run.page + (page - home->run.first);
	how.group = home->run.group;
	how.flags = home->run.foreign ? PTW_REFERENCE_FOREIGN : 0;
	ptw_aging_count(&aging->sum.looks, 1);
	ret = ptw_space_reference(home->run.space, at, &how, &found);
	/* Somebody else may have taken its accessed bits. */
	if (ret == 0 || ret == PTW_ERR_AGAIN || ret == PTW_ERR_DROPPED) {
		uint64_t word = 0;

		ptw_consumer_read(home->consumer, at, at + 1, PTW_HARVEST_ACCESSED, &word, NULL,
				  &left);
	}
	if (ret > 0 || left) {
		ptw_aging_count(&aging->sum.looked, 1);
		ptw_aging_count(&aging->sum.consumed, left);
		*around = ptw_aging_around(aging, home, page, found.said);
		ret = 1;
	} else if (ret == PTW_ERR_PINNED || ret == PTW_ERR_AGAIN) {
		/* It is not known to be idle. */
		ptw_aging_count(&aging->sum.kept, 1);
		ret = 1;
	} else if (ret == PTW_ERR_DROPPED) {
		/* Who unmaps it learns what it was. */
		ptw_aging_count(&aging->sum.dropped, 1);
		ret = 0;
	} else if (ret < 0) {
		/* No reason to put out nothing of others: this page stays. */
		ptw_aging_count(&aging->sum.failed, 1);
		ptw_port_publish((uint64_t *)&aging->sum.error, (uint64_t)(int64_t)ret);
		ptw_aging_count(&aging->sum.kept, 1);
		ret = 1;
	}
	ptw_aging_put(home);
	return ret;
}

int ptw_aging_evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	struct ptw_aging *aging = context;
	uint64_t in_space[PTW_EVICT_BATCH];
	int ret = PTW_OK;

	for (unsigned int i = 0, run; i < n && !ret; i += run) {
		struct ptw_aging_home *home = ptw_aging_get(aging, page[i], page[i] + 1);
		struct ptw_aging_victims victims = {.size = sizeof(victims)};

		run = 1;
		if (!home) {
			ptw_aging_count(&aging->sum.homeless, 1);
			continue;
		}
		for (unsigned int j = i; j < n; j++) {
			const uint64_t at = page[j] - home->run.first;

			if (page[j] < home->run.first || at >= home->run.pages)
				break;
			in_space[j] = home->run.page + at;
			run = j + 1 - i;
		}
		victims.space = home->run.space;
		victims.owner = home->run.owner;
		victims.number = page + i;
		victims.page = in_space + i;
		victims.n = run;
		victims.result = result + i;
		ret = aging->config.evict(aging->config.context, &victims);
		ptw_aging_put(home);
	}
	return ret;
}
