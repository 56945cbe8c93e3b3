/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The report for people: one page, nothing to be fetched. */
#include <inttypes.h>

#include "../sim/svg.h"
#include "report.h"

static double mib(uint64_t pages)
{
	return (double)pages / (1u << (20 - PAGE_SHIFT));
}

static void row(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, "<tr><td>%s</td><td>%" PRIu64 "</td></tr>\n", name, value);
}

static void row_mib(FILE *out, const char *name, uint64_t pages)
{
	fprintf(out, "<tr><td>%s</td><td>%.1f MiB</td></tr>\n", name, mib(pages));
}

static void summary(FILE *out, const struct guest *guest)
{
	struct report_sums sums;

	report_sums(guest, &sums);
	fprintf(out, "<table>\n<tr><td>guest</td><td>%s, %u processor%s</td></tr>\n", guest->target,
		sums.processors, sums.processors == 1 ? "" : "s");
	fprintf(out, "<tr><td>table</td><td>%s</td></tr>\n", guest->machine.format);
	row_mib(out, "memory", guest->history.pages);
	row_mib(out, "used ever", guest->machine.faults);
	row(out, "instructions", guest->instructions);
	row(out, "loads", sums.loads);
	row(out, "stores", sums.stores);
	fprintf(out, "<tr><td>instruction fetches</td><td>%s</td></tr>\n",
		guest->fetches ? "counted" : "not counted: RAM is no memory-backend-memfd");
	row(out, "walks of the table", sums.walks);
	row(out, "steps of ageing", guest->history.steps);
	fprintf(out, "<tr><td>a step took</td><td>%.0f &#181;s</td></tr>\n</table>\n",
		guest->history.steps ? (double)guest->step_ns / 1000 / guest->history.steps : 0);
}

static void saved(FILE *out, const struct guest *guest)
{
	struct report_saved saved;

	fputs("<h2>What proactive reclaim would have saved</h2>\n", out);
	if (!guest->options.target) {
		fputs("<p>It was off (target=0).</p>\n", out);
		return;
	}
	report_saved(guest, &saved);
	fprintf(out,
		"<p>Promise: in ten steps no more than %g %% of the working set is brought back. "
		"Pages put out: %" PRIu64 "; brought back: %" PRIu64
		", on average %.2f %% of the working set in ten steps. From the first page that "
		"went, <b>%.1f MiB</b> were out on average (%.0f %% of what had been used so "
		"far), %.1f MiB at the end.</p>\n",
		guest->options.target / 1e4, guest->machine.evicted, guest->machine.refaults,
		saved.refault_percent, mib(saved.mean_pages), 100 * saved.share,
		mib(saved.last_pages));
}

/* What was most at the steps of a phase, and at its last one. */
struct phase {
	uint64_t begin;
	uint64_t end;
	uint64_t most;
	const struct history_column *last; /* NULL: the phase is shorter than a column */
};

static void cell_mib(FILE *out, const struct phase *phase, uint64_t pages)
{
	if (phase->last)
		fprintf(out, "<td>%.1f MiB</td>", mib(pages));
	else
		fputs("<td>-</td>", out);
}

static void phase_find(struct phase *phase, const struct history *history)
{
	for (unsigned int i = 0; i < history->columns; i++) {
		const struct history_column *column = &history->column[i];

		if (column->instructions <= phase->begin || column->instructions > phase->end)
			continue;
		if (column->working_set > phase->most)
			phase->most = column->working_set;
		phase->last = column;
	}
}

/* From each mark to the next one. */
static void phases(FILE *out, const struct guest *guest)
{
	static const struct history_column none;
	const struct history *history = &guest->history;

	fputs("<h2>Phases</h2>\n<table>\n<tr><th>phase</th><th>million instructions</th>"
	      "<th>working set, at most</th><th>working set, at the end</th><th>used so far</th>"
	      "<th>there, with proactive reclaim</th></tr>\n",
	      out);
	for (unsigned int i = 0; i <= history->marks; i++) {
		struct phase phase = {
			.begin = i ? history->mark[i - 1].instructions : 0,
			.end = i < history->marks ? history->mark[i].instructions :
						    guest->instructions,
		};
		const struct history_column *last;

		phase_find(&phase, history);
		last = phase.last ? phase.last : &none;
		fputs("<tr><td>", out);
		html_text(out, i ? history->mark[i - 1].text : REPORT_FIRST);
		fprintf(out, "</td><td>%.0f to %.0f</td>", (double)phase.begin / 1e6,
			(double)phase.end / 1e6);
		cell_mib(out, &phase, phase.most);
		cell_mib(out, &phase, last->working_set);
		cell_mib(out, &phase, last->ever);
		cell_mib(out, &phase, last->resident);
		fputs("</tr>\n", out);
	}
	fputs("</table>\n", out);
}

void report_html(FILE *out, const struct guest *guest)
{
	html_begin(out, "Memory of a guest");
	summary(out, guest);
	if (guest->history.columns) {
		report_heat(out, guest);
		report_curves(out, guest);
		report_idle(out, guest);
		saved(out, guest);
		if (guest->history.marks)
			phases(out, guest);
	}
	html_end(out);
	fputc('\n', out);
}
