/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Everything for programs. Durations in nanoseconds. */
#include "goals.h"
#include "output.h"
#include "secondary.h"

static json_t *pair_json(const uint64_t pair[MIXED_SIDES])
{
	return json_checked(json_pack("{s:I, s:I}", "host", (json_int_t)pair[MIXED_HOST], "guest",
				      (json_int_t)pair[MIXED_GUEST]));
}

static json_t *cell_json(const struct secondary_load *load, const struct secondary_cell *cell)
{
	const struct mixed *m = &cell->mixed;
	const uint64_t evictions[] = {m->side[0].evictions, m->side[1].evictions};
	const uint64_t late[] = {m->side[0].late, m->side[1].late};

	return json_checked(json_pack(
		"{s:o, s:o, s:o, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
		"s:I, s:I, s:I, s:I, s:I, s:f}",
		"misses", pair_json(m->misses), "evictions", pair_json(evictions), "used_late",
		pair_json(late), "host_against_lru", mixed_against(m->misses[0], load->lru[0]),
		"guest_against_lru", mixed_against(m->misses[1], load->lru[1]), "skew",
		mixed_skew(m->misses, load->lru), "excess", secondary_excess(load, m->misses),
		"single_checks", (json_int_t)m->single_checks, "single_young",
		(json_int_t)m->single_young, "agings", (json_int_t)m->agings, "batch_reads",
		(json_int_t)m->batch_reads, "look_reads", (json_int_t)m->look_reads,
		"look_promoted", (json_int_t)m->look_promoted, "not_asked_pages",
		(json_int_t)m->not_asked_pages, "unanswered", (json_int_t)m->unanswered, "flushes",
		(json_int_t)m->flushes, "faults_sent_back", (json_int_t)m->retries, "tlb_hits",
		(json_int_t)m->tlb_hits, "lock_waits", (json_int_t)m->lock_waits, "lock_wait_ns",
		(json_int_t)m->lock_wait_ns, "writer_waits", (json_int_t)m->writer_waits,
		"writer_wait_ns", (json_int_t)m->writer_wait_ns, "writer_wait_most_ns",
		(json_int_t)m->writer_wait_most, "seconds", m->seconds));
}

/* An object of those cells of each secondary mode that were measured. */
static json_t *modes_json(const struct secondary_load *load, const struct secondary_cell *cells)
{
	json_t *modes = json_checked(json_object());

	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++)
		if (cells[s].measured &&
		    json_object_set_new(modes, mixed_secondary_name(s), cell_json(load, &cells[s])))
			json_checked(NULL);
	return modes;
}

static json_t *ways_json(const struct secondary_load *load)
{
	json_t *ways = json_checked(json_array());

	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++)
		for (unsigned int l = 0; l < MIXED_LOOKS; l++)
			for (unsigned int t = 0; t < SECONDARY_TLBS; t++)
				if (load->cell[s][l][t].measured)
					json_add(ways,
						 json_pack("{s:s, s:s, s:s, s:o}", "secondary",
							   mixed_secondary_name(s), "look_around",
							   mixed_look_name(l), "tlb",
							   secondary_tlb_names[t], "result",
							   cell_json(load, &load->cell[s][l][t])));
	return ways;
}

static json_t *groups_json(const struct groups *groups)
{
	json_t *sides = json_checked(json_array());

	for (unsigned int g = 0; g < SHARED_GUESTS; g++) {
		const struct groups_side *side = &groups->side[g];

		json_add(sides,
			 json_pack("{s:I, s:I, s:I, s:I, s:I}", "misses", (json_int_t)side->misses,
				   "minor_faults", (json_int_t)side->minor, "evictions",
				   (json_int_t)side->evictions, "used_late", (json_int_t)side->late,
				   "single_checks", (json_int_t)side->single_checks));
	}
	return sides;
}

static json_t *shares_json(const struct secondary_load *load)
{
	json_t *shares = json_checked(json_array());

	for (unsigned int i = 0; i < SECONDARY_SHARES; i++)
		json_add(shares,
			 json_pack("{s:i, s:o, s:o}", "shared_percent", (int)secondary_shares[i],
				   "own", groups_json(&load->groups[i][0]), "foreign",
				   groups_json(&load->groups[i][1])));
	return shares;
}

static json_t *load_json(const struct secondary_results *r, const struct secondary_load *load)
{
	return json_checked(json_pack(
		"{s:s, s:s, s:i, s:i, s:o, s:o, s:f, s:o, s:o, s:o, s:o, s:o}", "host",
		r->traces[load->host], "guest", r->traces[load->guest], "memory_percent",
		(int)load->percent, "memory_pages", (int)load->frames, "lru_misses",
		pair_json(load->lru), "one_table_misses", pair_json(load->one), "one_table_skew",
		secondary_one_skew(load), "ways", ways_json(load), "isolated",
		modes_json(load, load->isolated), "fault_old", modes_json(load, load->old),
		"contended", modes_json(load, load->contended), "groups", shares_json(load)));
}

static json_t *point_json(const struct secondary_point *p)
{
	const struct latencies *l = &p->latencies;

	return json_checked(json_pack(
		"{s:s, s:s, s:I, s:b, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "secondary", p->mode, "lock",
		p->lock, "pages", (json_int_t)p->pages, "few",
		l->kept.count < GOALS_OPERATIONS, "p50", histogram_quantile(&l->kept, 0.5),
		"p90", histogram_quantile(&l->kept, 0.9), "p99", histogram_quantile(&l->kept, 0.99),
		"arrivals_p99", histogram_quantile(&l->arrivals, 0.99), "kept",
		(json_int_t)l->kept.count, "operations", (json_int_t)l->raw.count, "entries_read",
		(json_int_t)l->entries));
}

json_t *secondary_json(const struct secondary_results *r)
{
	json_t *loads = json_checked(json_array()), *points = json_checked(json_array());

	for (unsigned int i = 0; i < r->loads; i++)
		json_add(loads, load_json(r, &r->load[i]));
	for (unsigned int i = 0; i < r->points; i++)
		json_add(points, point_json(&r->point[i]));
	return json_checked(json_pack("{s:s, s:b, s:[f, f], s:f, s:o, s:o}", "experiment",
				      "secondary", "quick", r->run.quick, "load_average",
				      r->run.load_before, r->run.load_after, "seconds",
				      r->run.seconds, "loads", loads, "vcpu", points));
}
