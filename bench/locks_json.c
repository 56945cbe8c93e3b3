/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Everything for programs. Durations in nanoseconds. */
#include "goals.h"
#include "locks.h"
#include "output.h"

static json_t *histogram_json(const struct histogram *h)
{
	return json_checked(json_pack("{s:I, s:f, s:f, s:f, s:I}", "count", (json_int_t)h->count,
				      "p50", histogram_quantile(h, 0.5), "p90",
				      histogram_quantile(h, 0.9), "p99",
				      histogram_quantile(h, 0.99), "max", (json_int_t)h->max));
}

static json_t *point_json(const struct locks_point *point)
{
	const struct latencies *l = &point->latencies;

	return json_pack(
		"{s:s, s:s, s:I, s:b, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I}", "lock", point->name,
		"next_to", locks_rival_name(point->rival), "entries", (json_int_t)point->piece,
		"few", l->kept.count < GOALS_OPERATIONS, "kept", histogram_json(&l->kept), "raw",
		histogram_json(&l->raw), "arrivals", histogram_json(&l->arrivals), "stalled_ns",
		(json_int_t)l->stalled_ns, "ns", (json_int_t)l->ns, "harvested_entries",
		(json_int_t)l->entries, "harvest_ns", (json_int_t)l->harvest_ns,
		"harvester_preempted", (json_int_t)l->preempted);
}

static json_t *points_json(const struct locks_point *points, unsigned int count)
{
	json_t *array = json_checked(json_array());

	for (unsigned int i = 0; i < count; i++)
		json_add(array, point_json(&points[i]));
	return array;
}

static json_t *backlogs_json(const struct locks_results *r)
{
	json_t *array = json_checked(json_array());

	for (unsigned int i = 0; i < LOCKS_BACKLOGS; i++) {
		const struct backlog *b = &r->backlog[i];
		json_t *curve = json_checked(json_array());

		for (unsigned int k = 0; k < BACKLOG_POINTS; k++)
			json_add(curve, json_integer((json_int_t)b->curve[k]));
		json_add(array, json_pack("{s:s, s:f, s:I, s:I, s:I, s:o}", "next_to",
					  locks_rival_name(b->rival), "seconds", b->seconds,
					  "retired", (json_int_t)b->retired, "most_waiting",
					  (json_int_t)b->most, "held_back", (json_int_t)b->limited,
					  "waiting_over_time", curve));
	}
	return array;
}

static void append_grace(json_t *array, const struct locks_grace *g)
{
	json_add(array, json_pack("{s:s, s:i, s:o, s:f, s:o, s:o}", "wait",
				  g->wait == GRACE_BARRIER ? "ptw_barrier" : "synchronize_rcu",
				  "young_percent", (int)locks_percent(g->young), "section_entries",
				  g->piece ? json_integer((json_int_t)g->piece) : json_null(),
				  "median_harvester_running", locks_median_wait(g), "kept",
				  histogram_json(&g->latencies.kept), "raw",
				  histogram_json(&g->latencies.raw)));
}

static json_t *graces_json(const struct locks_results *r)
{
	json_t *array = json_checked(json_array());

	for (unsigned int y = 0; y < LOCKS_YOUNGS; y++) {
		for (unsigned int i = 0; i < LOCKS_LENGTHS; i++)
			append_grace(array, &r->curve[y][i]);
		for (unsigned int i = 0; i < 2; i++)
			append_grace(array, &r->barrier[y][i]);
	}
	return array;
}

static json_t *goals_json(const struct locks_results *r)
{
	json_t *array = json_checked(json_array());

	for (unsigned int i = 0; i < LOCKS_GOALS; i++) {
		const struct figure *f = &r->goal[i];

		json_add(array, json_pack("{s:s, s:f, s:f, s:s, s:b, s:b, s:I, s:I, s:s}", "id",
					  f->id, "value", f->value, "goal", f->goal, "bound",
					  figure_bound(f), "met", figure_met(f), "few",
					  figure_few(f), "kept", (json_int_t)f->kept, "total",
					  (json_int_t)f->total, "detail", f->detail));
	}
	return array;
}

json_t *locks_json(const struct locks_results *r)
{
	return json_checked(json_pack(
		"{s:s, s:b, s:{s:i, s:i}, s:[f, f], s:f, s:s, s:o, s:o, s:o, s:o, s:o}",
		"experiment", "locks", "quick", r->run.quick, "processors", "writer", r->cpus.writer,
		"harvester", r->cpus.harvester, "load_average", r->run.load_before,
		r->run.load_after, "seconds", r->run.seconds, "note",
		"formats are not hardware: nothing here measures an Arm core", "latency",
		points_json(r->point, r->points), "preempted", points_json(r->stall, r->stalls),
		"backlog", backlogs_json(r), "grace", graces_json(r), "goals", goals_json(r)));
}
