/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Everything for programs. Durations in nanoseconds. */
#include <stddef.h>
#include <string.h>

#include "output.h"
#include "reclaim.h"

static json_t *cost_json(const struct reclaim_results *r, const struct reclaim_cost *cost)
{
	json_t *rounds = json_checked(json_array());

	if (!cost->calls) {
		json_decref(rounds);
		return json_null();
	}
	for (unsigned int i = 0; i < r->rounds; i++)
		json_add(rounds, json_real(cost->ns[i]));
	return json_checked(json_pack(
		"{s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:o}", "calls", (json_int_t)cost->calls,
		"kept", (json_int_t)cost->kept.count, "pages", (json_int_t)cost->pages, "mean",
		reclaim_median(r, cost->ns), "mean_page", reclaim_median(r, cost->page), "p50",
		histogram_quantile(&cost->kept, 0.5), "p99", histogram_quantile(&cost->kept, 0.99),
		"mean_of_rounds", rounds));
}

static json_t *curve_json(const struct reclaim_cell *cell)
{
	static const struct {
		const char *name;
		size_t offset;
	} fields[] = {
		{"tables", offsetof(struct reclaim_point, tables)},
		{"empty", offsetof(struct reclaim_point, empty)},
		{"reclaimed", offsetof(struct reclaim_point, reclaimed)},
		{"revived", offsetof(struct reclaim_point, revived)},
		{"retired", offsetof(struct reclaim_point, retired)},
		{"bytes", offsetof(struct reclaim_point, bytes)},
	};
	json_t *curves = json_checked(json_object());

	for (unsigned int k = 0; k < sizeof(fields) / sizeof(fields[0]); k++) {
		json_t *curve = json_checked(json_array());

		for (unsigned int i = 0; i < cell->points; i++) {
			uint64_t value;

			memcpy(&value, (const char *)&cell->point[i] + fields[k].offset,
			       sizeof(value));
			json_add(curve, json_integer((json_int_t)value));
		}
		if (json_object_set_new(curves, fields[k].name, curve))
			json_checked(NULL);
	}
	return curves;
}

static json_t *cell_json(const struct reclaim_results *r, const struct reclaim_cell *cell)
{
	return json_checked(json_pack(
		"{s:s, s:o, s:o, s:o, s:o, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}",
		"policy", cell->policy->name, "unmap", cost_json(r, &cell->cost[RECLAIM_UNMAP]),
		"map", cost_json(r, &cell->cost[RECLAIM_MAP]), "reclaim",
		cost_json(r, &cell->cost[RECLAIM_SCAN]), "harvest",
		cost_json(r, &cell->cost[RECLAIM_HARVEST]), "page_all_calls",
		reclaim_total(r, cell), "tables_mean", cell->tables_mean, "tables_most",
		(json_int_t)cell->tables_most, "retired_most", (json_int_t)cell->retired_most,
		"tables_built", (json_int_t)cell->built, "tables_reclaimed",
		(json_int_t)cell->reclaimed, "tables_revived", (json_int_t)cell->revived, "flushes",
		(json_int_t)cell->flushes, "young_made_and_found", (json_int_t)cell->young,
		"over_time", curve_json(cell)));
}

json_t *reclaim_json(const struct reclaim_results *r)
{
	json_t *loads = json_checked(json_array());

	for (unsigned int l = 0; l < RECLAIM_LOADS; l++) {
		const struct reclaim_load *load = &r->load[l];
		json_t *policies = json_checked(json_array());

		for (unsigned int p = 0; p < RECLAIM_POLICIES; p++)
			json_add(policies, cell_json(r, &load->cell[p]));
		json_add(loads,
			 json_pack("{s:s, s:s, s:I, s:o}", "load", load->name, "what", load->what,
				   "pages", (json_int_t)load->pages, "policies", policies));
	}
	return json_checked(json_pack("{s:s, s:b, s:i, s:[f, f], s:f, s:f, s:o}", "experiment",
				      "reclaim", "quick", r->run.quick, "rounds", (int)r->rounds,
				      "load_average", r->run.load_before, r->run.load_after,
				      "seconds", r->run.seconds, "clock_ns", r->clock_ns, "loads",
				      loads));
}
