/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Points of curves for people and for programs. */
#include <stdio.h>
#include <string.h>

#include "curves.h"
#include "output.h"

static void print_point(const struct curves_results *r, const struct curve_point *p)
{
	int digits = p->value < 100 ? 3 : 0;

	printf("  %-26s %10.*g  ", p->series, 7, p->x);
	if (p->value <= 0) {
		printf("%12s", "-");
	} else {
		printf("%12.*f", digits, p->value);
		if (r->launches > 1)
			printf("  (%.*f-%.*f)", digits, p->min, digits, p->max);
	}
	printf("  %llu/%llu%s\n", (unsigned long long)p->kept, (unsigned long long)p->total,
	       p->few ? " few" : "");
}

void curves_print(const struct curves_results *r)
{
	printf("%u processors; load average %.2f before, %.2f after; %.0f s; %u process%s\n"
	       "Each value is the median of the processes, with the ends; then kept/all blocks.\n",
	       r->cpus, r->run.load_before, r->run.load_after, r->run.seconds, r->launches,
	       r->launches > 1 ? "es" : "");
	for (unsigned int c = 0; c < CURVES; c++) {
		const struct curve_shape *shape = &curve_shapes[c];
		const char *series;

		printf("\n%s: %s, by %s\n", shape->title, shape->y, shape->x);
		for (unsigned int n = 0; (series = curves_series(r, c, n)); n++)
			for (unsigned int i = 0; i < r->points; i++)
				if (r->point[i].curve == c &&
				    strcmp(r->point[i].series, series) == 0)
					print_point(r, &r->point[i]);
	}
	if (r->run.quick)
		printf("\nA quick run: smaller, and nothing to quote.\n");
}

static json_t *points_json(const struct curves_results *r, unsigned int curve)
{
	json_t *array = json_checked(json_array());

	for (unsigned int i = 0; i < r->points; i++) {
		const struct curve_point *p = &r->point[i];

		if (p->curve == curve)
			json_add(array,
				 json_pack("{s:s, s:f, s:f, s:f, s:f, s:b, s:I, s:I}", "series",
					   p->series, "x", p->x, "value", p->value, "min", p->min,
					   "max", p->max, "few", p->few, "kept",
					   (json_int_t)p->kept, "total", (json_int_t)p->total));
	}
	return array;
}

json_t *curves_json(const struct curves_results *r)
{
	json_t *curves = json_checked(json_array());

	for (unsigned int c = 0; c < CURVES; c++) {
		const struct curve_shape *shape = &curve_shapes[c];

		json_add(curves, json_pack("{s:s, s:s, s:s, s:s, s:o}", "curve", shape->name,
					   "title", shape->title, "x", shape->x, "y", shape->y,
					   "points", points_json(r, c)));
	}
	return json_checked(json_pack("{s:s, s:b, s:i, s:i, s:[f, f], s:f, s:o}", "experiment",
				      "curves", "quick", r->run.quick, "launches", (int)r->launches,
				      "processors", (int)r->cpus, "load_average", r->run.load_before,
				      r->run.load_after, "seconds", r->run.seconds, "curves",
				      curves));
}
