/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The working set over time, for spreadsheets. */
#include <inttypes.h>

#include "csv.h"
#include "report.h"

char *report_csv(const struct report *report)
{
	const struct replay *replay = report->replay;
	struct csv csv;
	FILE *out = csv_begin(&csv, "first_tick,end_tick,touched_pages,touched_bytes,young_pages_per_scan,faults");

	if (!out)
		return NULL;
	for (unsigned int i = 0; i < replay->window_count; i++) {
		const struct window *w = &replay->windows[i];

		fprintf(out, "%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",", w->first_tick, w->end_tick,
			w->pages, w->pages * SIM_PAGE_SIZE);
		/* Without a scan nobody counted: that is no zero. */
		if (w->scans)
			fprintf(out, "%" PRIu64, w->scan_young / w->scans);
		fprintf(out, ",%" PRIu64 "\n", w->faults);
	}
	return csv_end(out, &csv);
}
