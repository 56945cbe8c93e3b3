/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a comparison found: tables for people, JSON for programs, a page with pictures. */
#ifndef PTW_SIM_COMPARE_REPORT_H
#define PTW_SIM_COMPARE_REPORT_H

#include "compare.h"

/* To standard output; with `goals` the goals and how they are met, too. */
void compare_print(const struct compare *compare, bool goals);

/* Text to be freed; NULL: not enough memory. With `goals` JSON holds them and nothing else. */
char *compare_json(const struct compare *compare, bool goals);
char *compare_html(const struct compare *compare, bool goals);

/* All replays as comma-separated values, likewise. */
char *compare_csv(const struct compare *compare);

/* Is a goal about this policy? */
static inline bool compare_judged(const struct compare *compare, unsigned int policy)
{
	return !compare->policies[policy]->reference;
}

#endif /* PTW_SIM_COMPARE_REPORT_H */
