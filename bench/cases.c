/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "cases.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "aging.h"
#include "speed.h"

#define MILLION ((uint64_t)1 << 20)

static void harvest_both(struct sink *sink)
{
	harvest_measure(sink, MILLION);
	harvest_measure(sink, 16 * MILLION);
}

static void single_both(struct sink *sink)
{
	single_measure(sink, MILLION);
	single_measure(sink, 16 * MILLION);
}

const struct bench_case cases[] = {
	/* First, while the heap is as the program found it. */
	{"memory", "bytes of a page table beyond its tables", {0}, 0, memory_measure},
	{"harvest", "1 % young, against a scalar read, 1 M and 16 M entries", {0}, 0, harvest_both},
	{"single", "ptw_test_young against a walk written by hand", {0}, 0, single_both},
	{"bandwidth", "harvest against what memory gives, by each kernel", {'G', 1, 1},
	 BANDWIDTH_STEPS, bandwidth_measure},
	{"shuffled", "the same over tables in random order", {'G', 2, 2}, SHUFFLED_STEPS,
	 shuffled_measure},
	{"threads", "two threads on halves of a range", {'G', 2, 2}, THREADS_STEPS,
	 threads_measure},
	{"clear", "what young entries cost: single, pairs, transactions", {'G', 3, 3}, CLEAR_STEPS,
	 clear_measure},
	{"rivals", "against callbacks, an iterator, functions per level", {'G', 4, 4}, RIVALS_STEPS,
	 rivals_measure},
	{"calls", "calls of 64 pages against one call, and page by page", {'G', 5, 5}, CALLS_STEPS,
	 calls_measure},
	{"writer", "a writer's operations next to a harvester and alone", {'G', 6, 6}, 0,
	 writer_measure},
	{"grace", "grace periods and harvest, by lengths of sections", {'G', 7, 7}, 0,
	 grace_measure},
	{"prune", "harvests that leave out what nobody went through", {'G', 8, 8}, PRUNE_STEPS,
	 prune_measure},
	{"age", "a pass of aging against its harvest", {'G', 9, 9}, AGE_STEPS, age_measure},
	{"engine", "the engine on top of a harvest, and for each miss", {'Q', 6, 6},
	 ENGINE_STEPS, engine_measure},
	{"writers", "map, unmap against compare-exchanges; two writers", {'W', 1, 4}, WRITERS_STEPS,
	 writers_measure},
	{"space", "spaces, shadow MMUs, consumers against direct questions", {'S', 1, 4},
	 SPACE_STEPS, space_measure},
};

const unsigned int cases_count = sizeof(cases) / sizeof(cases[0]);

_Static_assert(sizeof(cases) / sizeof(cases[0]) <= CASES_MAX, "a bit for each case");

unsigned int cases_all(void)
{
	return (1u << cases_count) - 1;
}

unsigned int cases_goals(void)
{
	unsigned int goals = 0;

	for (unsigned int i = 0; i < cases_count; i++)
		goals |= (unsigned int)(cases[i].goals.family != '\0') << i;
	return goals;
}

/* Cases that give the goal of this name; 0: no case does. */
static unsigned int cases_of_goal(const char *name)
{
	const char family = (char)toupper((unsigned char)name[0]);
	const char *digit = name + (name[0] != '\0');
	unsigned int found = 0;

	/* There are nine of a family at most. */
	if (digit[0] < '1' || digit[0] > '9' || digit[1])
		return 0;
	for (unsigned int i = 0; i < cases_count; i++) {
		const struct case_goals *goals = &cases[i].goals;

		if (goals->family == family && digit[0] - '0' >= goals->first &&
		    digit[0] - '0' <= goals->last)
			found |= 1u << i;
	}
	return found;
}

unsigned int cases_named(const char *name)
{
	unsigned int found = strcmp(name, "all") == 0 ? cases_all() : cases_of_goal(name);
	char names[512] = "";

	for (unsigned int i = 0; i < cases_count; i++) {
		size_t at = strlen(names);

		if (strcmp(cases[i].name, name) == 0)
			found |= 1u << i;
		snprintf(names + at, sizeof(names) - at, "%s, ", cases[i].name);
	}
	if (!found)
		bench_die(EXIT_BAD_INPUT, "no case '%s'; give %sa goal (" CASES_GOALS ") or all",
			  name, names);
	return found;
}

bool case_known(const char *name)
{
	for (unsigned int i = 0; i < cases_count; i++)
		if (strcmp(cases[i].name, name) == 0)
			return true;
	return cases_of_goal(name);
}

void cases_list(void)
{
	printf("Cases (ptw-bench case CASE..., or a goal for what gives it; default all):\n");
	for (unsigned int i = 0; i < cases_count; i++) {
		const struct case_goals *goals = &cases[i].goals;
		char text[16] = "-";

		if (goals->first < goals->last)
			snprintf(text, sizeof(text), "%c%u to %c%u", goals->family, goals->first,
				 goals->family, goals->last);
		else if (goals->family)
			snprintf(text, sizeof(text), "%c%u", goals->family, goals->first);
		printf("  %-10s %-8s  %s\n", cases[i].name, text, cases[i].what);
	}
}

void cases_run(struct sink *sink, unsigned int wanted)
{
	sink->steps = 0;
	for (unsigned int i = 0; i < cases_count; i++)
		if (wanted >> i & 1)
			sink->steps += cases[i].steps ? cases[i].steps : 1;
	for (unsigned int i = 0; i < cases_count; i++) {
		if (!(wanted >> i & 1))
			continue;
		cases[i].measure(sink);
		if (!cases[i].steps)
			sink_step(sink);
	}
}
