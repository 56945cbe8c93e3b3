/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What replays of two traces found: tables for people, JSON for programs. */
#ifndef PTW_SIM_GUEST_REPORT_H
#define PTW_SIM_GUEST_REPORT_H

#include "groups.h"
#include "options.h"

struct guest_report {
	const struct options *options;
	const struct merge *merge;
	uint32_t memory_pages[2]; /* as asked for: of both, or of each group */
	uint64_t lru[MIXED_SIDES];
	struct mixed mixed;
	uint32_t split; /* of groups */
	struct groups groups;
};

void guest_report_print(const struct guest_report *report);
void groups_report_print(const struct guest_report *report);

/* The text, to be freed; NULL: not enough memory. */
char *guest_report_json(const struct guest_report *report);
char *groups_report_json(const struct guest_report *report);

#endif /* PTW_SIM_GUEST_REPORT_H */
