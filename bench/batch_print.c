/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Tables for people. */
#include <stdio.h>

#include "batch.h"
#include "goals.h"

/* One value of all processes, with the ends if there were several. */
static const char *value_text(const struct batch_results *r, const struct batch_value *v,
			      char text[40])
{
	int digits = v->value < 100 ? 2 : 0;

	if (v->value <= 0)
		return "-";
	if (r->launches == 1)
		snprintf(text, 40, "%.*f", digits, v->value);
	else
		snprintf(text, 40, "%.*f (%.*f-%.*f)", digits, v->value, digits, v->min, digits,
			 v->max);
	return text;
}

/* A duration likewise, in the unit that suits it. */
static const char *time_text(const struct batch_results *r, const struct batch_value *v,
			     char text[40])
{
	const double unit = v->value < 10e3 ? 1 : v->value < 10e6 ? 1e3 : 1e6;
	const char *name = v->value < 10e3 ? "ns" : v->value < 10e6 ? "us" : "ms";

	if (v->value <= 0)
		return "-";
	if (r->launches == 1)
		snprintf(text, 40, "%.0f %s", v->value / unit, name);
	else
		snprintf(text, 40, "%.0f %s (%.0f-%.0f)", v->value / unit, name, v->min / unit,
			 v->max / unit);
	return text;
}

/* What a share of 10 kept blocks and so on would hide: the size that lost most. */
static const struct batch_cell *worst(const struct batch_results *r, unsigned int m, unsigned int y)
{
	const struct batch_cell *least = &r->alone[m][0][y];

	for (unsigned int z = 1; z < BATCH_SIZES; z++) {
		const struct batch_cell *cell = &r->alone[m][z][y];

		if (cell->kept * least->total < least->kept * cell->total)
			least = cell;
	}
	return least;
}

static void print_alone(const struct batch_results *r, unsigned int y)
{
	char text[40];

	printf("\n%-13s", "");
	for (unsigned int z = 0; z < BATCH_SIZES; z++)
		printf(" %21s", batch_size_text(z, text));
	printf("  %s\n", "least kept/all");
	for (unsigned int m = 0; m < BATCH_MODES; m++) {
		const struct batch_cell *least = worst(r, m, y);

		if (!r->alone[m][0][y].measured)
			continue;
		printf("%-13s", batch_modes[m].name);
		for (unsigned int z = 0; z < BATCH_SIZES; z++)
			printf(" %21s", value_text(r, &r->alone[m][z][y].ns, text));
		printf("  %llu/%llu\n", (unsigned long long)least->kept,
		       (unsigned long long)least->total);
	}
}

static void print_next_row(const struct batch_results *r, const struct batch_cell *c,
			   const char *mode, const char *size)
{
	char text[40];

	printf("%-13s %5s", mode, size);
	printf(" %21s", value_text(r, &c->ns, text));
	printf(" %24s", time_text(r, &c->p50, text));
	printf(" %24s", time_text(r, &c->p99, text));
	printf(" %26s", time_text(r, &c->arrivals, text));
	printf("  %llu/%llu%s\n", (unsigned long long)c->kept, (unsigned long long)c->total,
	       c->kept < GOALS_OPERATIONS ? " few" : "");
}

static void print_next(const struct batch_results *r, unsigned int y)
{
	char text[16];

	printf("\n%g %% young\n%-13s %5s %21s %24s %24s %26s  %s\n", batch_youngs[y], "", "pages",
	       "ns a page", "p50", "p99", "arrivals p99", "least kept/all");
	for (unsigned int m = 0; m < BATCH_MODES; m++)
		for (unsigned int z = 0; z < BATCH_SIZES; z++)
			if (r->next[m][z][y].measured)
				print_next_row(r, &r->next[m][z][y], batch_modes[m].name,
					       batch_size_text(z, text));
}

void batch_print(const struct batch_results *r)
{
	printf("Test and clear of %llu pages of one MMU, in questions of so many pages, a lock of one "
	       "kind taken for\neach: nanoseconds a page, median%s.\n",
	       (unsigned long long)BATCH_PAGES,
	       r->launches > 1 ? " of three processes (and the ends)" : "");
	for (unsigned int y = 0; y < BATCH_YOUNGS; y++) {
		printf("\n%g %% young, nobody else there", batch_youngs[y]);
		print_alone(r, y);
	}
	printf("\n");
	for (unsigned int m = 0; m < BATCH_MODES; m++)
		if (batch_kind(&batch_modes[m]))
			printf("  %-13s %s\n", batch_modes[m].name, batch_modes[m].what);
	if (!r->two) {
		printf("\nOnly one processor: no writer.\n");
	} else {
		printf("\nThe same in a loop next to a writer that changes a page (unmap, map, "
		       "write fault in turn) every 0 to 4 us,\nwith the lock taken to write: "
		       "nanoseconds a page, and durations of the writer's operations. Kept: while neither\n"
		       "lost its processor. Arrivals: p99 of requests that come every 2 us whether "
		       "the writer waits or not.\n\n");
		print_next_row(r, &r->nobody, "no harvester", "");
		for (unsigned int i = 0; i < BATCH_NEXT; i++)
			print_next(r, batch_next[i]);
		printf("\nfew: fewer than %d operations kept in a process, too few to judge "
		       "by.\n",
		       GOALS_OPERATIONS);
	}
	printf("\nLoad average %.1f before, %.1f after; %.0f s. Formats are not hardware: nothing "
	       "here measures an Arm core.\n",
	       r->run.load_before, r->run.load_after, r->run.seconds);
	if (r->run.quick)
		printf("A quick run: no figure to quote.\n");
}
