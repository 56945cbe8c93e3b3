/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Everything for programs. Durations in nanoseconds. */
#include "batch.h"
#include "goals.h"
#include "output.h"

static json_t *value_json(const struct batch_value *v)
{
	return json_checked(
		json_pack("{s:f, s:f, s:f}", "median", v->value, "min", v->min, "max", v->max));
}

static json_t *cell_json(const struct batch_cell *c, unsigned int m, unsigned int z, unsigned int y)
{
	return json_checked(json_pack("{s:s, s:I, s:f, s:o, s:I, s:I}", "lock", batch_modes[m].name,
				      "pages", (json_int_t)batch_sizes[z], "young_percent",
				      batch_youngs[y], "page", value_json(&c->ns), "kept",
				      (json_int_t)c->kept, "total", (json_int_t)c->total));
}

static void add_writer(json_t *one, const struct batch_cell *c)
{
	if (json_object_set_new(one, "few", json_boolean(c->kept < GOALS_OPERATIONS)) ||
	    json_object_set_new(one, "writer_p50", value_json(&c->p50)) ||
	    json_object_set_new(one, "writer_p99", value_json(&c->p99)) ||
	    json_object_set_new(one, "writer_arrivals_p99", value_json(&c->arrivals)))
		json_checked(NULL);
}

json_t *batch_json(const struct batch_results *r)
{
	json_t *alone = json_checked(json_array());
	json_t *next = json_checked(json_array());
	json_t *nobody = json_checked(json_object());

	for (unsigned int y = 0; y < BATCH_YOUNGS; y++)
		for (unsigned int m = 0; m < BATCH_MODES; m++)
			for (unsigned int z = 0; z < BATCH_SIZES; z++) {
				const struct batch_cell *c = &r->next[m][z][y];
				json_t *one;

				if (r->alone[m][z][y].measured)
					json_add(alone, cell_json(&r->alone[m][z][y], m, z, y));
				if (!c->measured)
					continue;
				one = cell_json(c, m, z, y);
				add_writer(one, c);
				json_add(next, one);
			}
	if (r->two)
		add_writer(nobody, &r->nobody);
	return json_checked(json_pack(
		"{s:s, s:b, s:i, s:[f, f], s:f, s:I, s:s, s:o, s:o, s:o}", "experiment", "batch",
		"quick", r->run.quick, "launches", (int)r->launches, "load_average",
		r->run.load_before, r->run.load_after, "seconds", r->run.seconds, "range_pages",
		(json_int_t)BATCH_PAGES, "note", "formats are not hardware: nothing here measures an Arm core", "alone",
		alone, "next_to_writer", next, "writer_alone", nobody));
}
