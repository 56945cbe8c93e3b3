/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "policies.h"

#include <string.h>

/* Of the list in --help; argp would wrap lines a little longer to the first column. */
#define LIST_INDENT 14
#define LIST_WIDTH  76

static const struct sim_policy *const policies[] = {
	&sim_policy_generations, &sim_policy_idle_age, &sim_policy_learned, &sim_policy_mglru,
	&sim_policy_clock,	 &sim_policy_twolist,  &sim_policy_lru,	    &sim_policy_arc,
	&sim_policy_lirs,	 &sim_policy_s3fifo,   &sim_policy_opt,
};
#define POLICIES (sizeof(policies) / sizeof(policies[0]))

const struct sim_policy *policy_at(unsigned int index)
{
	return index < POLICIES ? policies[index] : NULL;
}

const char *policy_name(unsigned int index)
{
	return index < POLICIES ? policies[index]->name : NULL;
}

const char *policy_meant(const char *name)
{
	return strcmp(name, "gen") == 0 ? sim_policy_generations.name : name;
}

/* A word that would reach the margin goes below the first one. */
static void list_about(FILE *stream, const char *about)
{
	size_t column = LIST_INDENT;

	while (*about) {
		size_t length = strcspn(about, " ");

		if (column > LIST_INDENT && column + 1 + length > LIST_WIDTH) {
			fprintf(stream, "\n%*s", LIST_INDENT - 1, "");
			column = LIST_INDENT;
		}
		fprintf(stream, " %.*s", (int)length, about);
		column += 1 + length;
		about += length + strspn(about + length, " ");
	}
}

void policy_list(FILE *stream)
{
	for (size_t i = 0; i < POLICIES; i++) {
		fprintf(stream, "  %-*s", LIST_INDENT - 3, policies[i]->name);
		list_about(stream, policies[i]->about);
		putc('\n', stream);
	}
}
