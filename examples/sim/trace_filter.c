/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A fully associative TLB with exact LRU: what hits it is left out of a trace. The pages in the order
 * of their last use, searched from the newest one on, where nearly everything is found at once.
 */
#include "trace_form.h"

#include <string.h>

bool trace_filter_hit(struct trace_filter *filter, uint32_t page)
{
	uint32_t at = 0;
	bool hit;

	while (at < filter->count && filter->page[at] != page)
		at++;
	hit = at < filter->count;
	if (!hit && filter->count < filter->size)
		filter->count++;
	else if (!hit)
		at--;
	memmove(filter->page + 1, filter->page, at * sizeof(*filter->page));
	filter->page[0] = page;
	return hit;
}
