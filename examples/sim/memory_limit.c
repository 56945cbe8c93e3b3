/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "memory_limit.h"

#include <string.h>

#include "../common/size.h"
#include "console.h"

#define MILLION 1000000u

uint32_t share_parse(const char *text)
{
	uint32_t digits = 0; /* after the point */
	uint32_t share = 0;
	bool point = false;

	for (; *text != '%'; text++) {
		if (*text == '.' && !point) {
			point = true;
			continue;
		}
		if (*text < '0' || *text > '9' || digits == 4 || share > MILLION)
			return 0;
		share = share * 10 + (uint32_t)(*text - '0');
		digits += point;
	}
	if (text[1])
		return 0;
	for (; digits < 4; digits++) {
		if (share > MILLION)
			return 0;
		share *= 10;
	}
	return share <= MILLION ? share : 0;
}

/* A decimal number without sign, or a size; 0: neither, or too many. */
static uint32_t pages_parse(const char *text)
{
	uint64_t value = 0;

	if (text[strspn(text, "0123456789")]) {
		if (!size_parse(text, &value))
			return 0;
		value /= SIM_PAGE_SIZE;
	} else {
		for (; *text && value <= UINT32_MAX; text++)
			value = value * 10 + (uint64_t)(*text - '0');
	}
	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

bool memory_limit_parse(struct memory_limit *limit, const char *text)
{
	limit->is_share = strchr(text, '%') != NULL;
	limit->is_plain = !text[strspn(text, "0123456789")];
	limit->share = limit->is_share ? share_parse(text) : 0;
	limit->pages = limit->is_share ? 0 : pages_parse(text);
	return limit->share || limit->pages;
}

void memory_limit_note(const struct memory_limit *limit, uint32_t footprint)
{
	if (limit->is_plain && limit->pages <= 100 && limit->pages < footprint / 100)
		sim_note("--memory %u is %u page%s of %u; a share is written %u%%", limit->pages,
			 limit->pages, limit->pages == 1 ? "" : "s", footprint, limit->pages);
}

uint32_t memory_limit_pages(const struct memory_limit *limit, uint32_t footprint)
{
	uint64_t pages = limit->pages;

	if (limit->is_share)
		pages = (uint64_t)footprint * limit->share / MILLION;
	return pages ? (uint32_t)pages : 1;
}
