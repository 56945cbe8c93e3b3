/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "compare_extra.h"
#include "compare_report.h"
#include "svg.h"

/* Room for what is said under the pointer. */
#define TIP_SIZE 160

static void cell(FILE *out, const struct sums_value *value, int digits, const char *unit)
{
	if (value->is)
		fprintf(out, "<td>%.*f%s</td>", digits, value->value, unit);
	else
		fputs("<td>&ndash;</td>", out);
}

static void name_cell(FILE *out, const char *name)
{
	fputs("<tr><td>", out);
	html_text(out, name);
	fputs("</td>", out);
}

static void sums_table(FILE *out, const struct compare *compare)
{
	fputs("<h2>All traces</h2>\n<p>Misses, first touches included, against exact LRU: geometric "
	      "means. Gap: share of the way from LRU to the optimum, mean at 10 and 25 %; so are "
	      "entries read by scans and single checks, per miss.</p>\n"
	      "<table>\n<tr><th>policy</th><th>10 and 25 %</th><th>gap</th><th>all sizes</th>"
	      "<th>worst point</th><th></th><th>batch</th><th>single</th></tr>\n",
	      out);
	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		struct sums sums;

		sums_of(&sums, compare, policy);
		name_cell(out, compare->policies[policy]->name);
		cell(out, &sums.low, 1, " %");
		cell(out, &sums.gap, 0, " %");
		cell(out, &sums.all, 1, " %");
		cell(out, &sums.worst, 1, " %");
		fputs("<td>", out);
		html_text(out, compare->traces[sums.worst.trace].name);
		fprintf(out, ", %s</td>", compare->sizes[sums.worst.size].text);
		cell(out, &sums.batch, 2, "");
		cell(out, &sums.single, 3, "");
		fputs("</tr>\n", out);
	}
	fputs("</table>\n", out);
}

static void goals_table(FILE *out, const struct compare *compare)
{
	fputs("<h2>Goals</h2>\n<table>\n<tr><th>figure</th><th>value</th><th>goal</th><th></th>"
	      "<th>what</th></tr>\n",
	      out);
	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		struct sums_goal goals[SUMS_GOALS + EXTRA_GOALS];
		unsigned int count;

		if (!compare_judged(compare, policy))
			continue;
		count = extra_goals(goals, compare, policy);
		for (unsigned int g = 0; g < count; g++) {
			bool met = sums_met(&goals[g]);

			name_cell(out, goals[g].id);
			cell(out, &goals[g].value, 3, "");
			if (goals[g].needless)
				fputs("<td></td><td>no point</td>", out);
			else
				fprintf(out, "<td>%s %g</td><td class=\"%s\">%s</td>",
					sums_bound(&goals[g]), goals[g].goal,
					met ? "good" : "bad", met ? "met" : "not met");
			fputs("<td>", out);
			html_text(out, goals[g].detail);
			fputs("</td></tr>\n", out);
		}
	}
	fputs("</table>\n", out);
}

static void trace_table(FILE *out, const struct compare *compare, unsigned int trace)
{
	fputs("<table>\n<tr><th>policy</th>", out);
	for (unsigned int size = 0; size < compare->size_count; size++)
		fprintf(out, "<th>%s</th><th>LRU</th><th>gap</th>", compare->sizes[size].text);
	fputs("</tr>\n", out);
	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		name_cell(out, compare->policies[policy]->name);
		for (unsigned int size = 0; size < compare->size_count; size++) {
			struct sums_value gap = sums_gap(compare, trace, size, policy);

			fprintf(out, "<td>%" PRIu64 "</td><td>%+.1f %%</td>",
				compare_at(compare, trace, size, policy)->misses,
				sums_against_lru(compare, trace, size, policy));
			cell(out, &gap, 0, " %");
		}
		fputs("</tr>\n", out);
	}
	fputs("</table>\n", out);
}

static void tip_of(char tip[TIP_SIZE], const struct compare *compare, unsigned int trace,
		   unsigned int size, unsigned int policy)
{
	snprintf(tip, TIP_SIZE, "%s at %s: %" PRIu64 " misses, %+.1f %% against LRU",
		 compare->policies[policy]->name, compare->sizes[size].text,
		 compare_at(compare, trace, size, policy)->misses,
		 sums_against_lru(compare, trace, size, policy));
}

static double share(const struct compare *compare, unsigned int trace, unsigned int size)
{
	return 100.0 * compare_frames(compare, trace, size) /
	       compare->traces[trace].trace.footprint;
}

/* The size whose share is the next one above `above`; size_count: there is none. */
static unsigned int next_size(const struct compare *compare, unsigned int trace, double above)
{
	unsigned int next = compare->size_count;

	for (unsigned int size = 0; size < compare->size_count; size++) {
		double own = share(compare, trace, size);

		if (own > above &&
		    (next == compare->size_count || own < share(compare, trace, next)))
			next = size;
	}
	return next;
}

static void plot_lines(FILE *out, const struct compare *compare, unsigned int trace)
{
	struct svg_plot plot = {
		.out = out,
		.title = "Misses against memory",
		.x_label = "memory, % of the footprint",
		.y_label = "misses",
		.x_max = 100,
		.y_log = true,
		.y_min = compare->traces[trace].trace.footprint,
	};

	/* Nobody has fewer misses than there are pages. */
	for (unsigned int i = 0; i < compare->size_count * compare->policy_count; i++) {
		double misses = (double)compare_at(compare, trace, 0, 0)[i].misses;

		plot.y_max = misses > plot.y_max ? misses : plot.y_max;
	}
	plot.y_max *= 1.05;
	svg_begin(&plot);
	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		unsigned int size;

		svg_line_begin(&plot, svg_colour(policy));
		for (double at = 0; (size = next_size(compare, trace, at)) < compare->size_count;
		     at = share(compare, trace, size))
			svg_line_point(&plot, share(compare, trace, size),
				       (double)compare_at(compare, trace, size, policy)->misses);
		svg_line_end(&plot, compare->policies[policy]->name);
	}
	svg_end(&plot);
}

static void plot_bars(FILE *out, const struct compare *compare, unsigned int trace)
{
	unsigned int wide = compare->policy_count + 1; /* one is left free between sizes */
	struct svg_plot plot = {
		.out = out,
		.title = "Misses against exact LRU",
		.x_label = "memory",
		.y_label = "%",
		.x_bare = true,
		.x_max = (double)compare->size_count * wide,
		.y_min = -1,
		.y_max = 1,
	};

	for (unsigned int size = 0; size < compare->size_count; size++) {
		for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
			double value = sums_against_lru(compare, trace, size, policy);

			plot.y_min = value < plot.y_min ? value : plot.y_min;
			plot.y_max = value > plot.y_max ? value : plot.y_max;
		}
	}
	svg_begin(&plot);
	for (unsigned int size = 0; size < compare->size_count; size++) {
		svg_x_mark(&plot, (size + 0.5) * wide, compare->sizes[size].text);
		for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
			double left = (double)size * wide + policy + 0.5;
			char tip[TIP_SIZE];

			tip_of(tip, compare, trace, size, policy);
			svg_box(&plot, left + 0.05, 0, left + 0.95,
				sums_against_lru(compare, trace, size, policy), svg_colour(policy),
				tip);
		}
	}
	svg_end(&plot);
}

static void trace_part(FILE *out, const struct compare *compare, unsigned int trace)
{
	const struct compare_trace *of = &compare->traces[trace];

	fputs("<h2>", out);
	html_text(out, of->name);
	fprintf(out, "</h2>\n<p>%zu references, footprint %u pages</p>\n", of->trace.references,
		of->trace.footprint);
	plot_bars(out, compare, trace);
	plot_lines(out, compare, trace);
	trace_table(out, compare, trace);
}

char *compare_html(const struct compare *compare, bool goals)
{
	const char *names[COMPARE_POLICIES];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	for (unsigned int policy = 0; policy < compare->policy_count; policy++)
		names[policy] = compare->policies[policy]->name;
	html_begin(out, "ptw-sim compare");
	svg_legend(out, names, compare->policy_count);
	sums_table(out, compare);
	if (goals) {
		goals_table(out, compare);
		extra_html(out, compare);
	}
	for (unsigned int trace = 0; trace < compare->trace_count; trace++)
		trace_part(out, compare, trace);
	html_end(out);
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
