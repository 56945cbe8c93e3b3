/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* How much fits in memory: a size, pages, or a share of the footprint, which is known only later. */
#ifndef PTW_SIM_MEMORY_LIMIT_H
#define PTW_SIM_MEMORY_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_PAGE_SIZE 4096u

/* What --memory may be, for messages. */
#define MEMORY_LIMIT_FORMS \
	"a share above 0%% and up to 100%%, as in 25%%, a size, as in 64MiB, or a number of pages, as in 4096"

struct memory_limit {
	bool is_share;
	bool is_plain; /* a number alone */
	uint32_t pages;
	uint32_t share; /* millionths */
};

/* As --memory takes it; false: it is none of these. */
bool memory_limit_parse(struct memory_limit *limit, const char *text);

/* Pages that a limit stands for: the floor of the share, but at least one. */
uint32_t memory_limit_pages(const struct memory_limit *limit, uint32_t footprint);

/* Notes a number alone that looks like a share whose % was forgotten: at most 100, and below 1 % of the footprint. */
void memory_limit_note(const struct memory_limit *limit, uint32_t footprint);

/* "12.5%" as 125000 millionths; 0 if it is none, or no share above 0 and up to 100 %. */
uint32_t share_parse(const char *text);

#endif /* PTW_SIM_MEMORY_LIMIT_H */
