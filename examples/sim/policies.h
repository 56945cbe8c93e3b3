/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* All policies by name. */
#ifndef PTW_SIM_POLICIES_H
#define PTW_SIM_POLICIES_H

#include <stdio.h>

#include "policy.h"

/* The index-th policy, the default first, and its name; NULL past the last. */
const struct sim_policy *policy_at(unsigned int index);
const char *policy_name(unsigned int index);

/* The name that stands for another one, or the name itself: `gen` is what generations was called before. */
const char *policy_meant(const char *name);

/* A line for each, for --help. */
void policy_list(FILE *stream);

#endif /* PTW_SIM_POLICIES_H */
