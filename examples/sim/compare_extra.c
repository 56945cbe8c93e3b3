/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "compare_extra.h"

#include <stdio.h>
#include <string.h>

#include "mixed.h"
#include "proactive.h"
#include "svg.h"

/* Jobs are: for each trace its picks, then its proactive reclaim, then mixed loads by pair and size. */
#define PAGE_TABLE_COST 6
#define MIXED_COST	10

struct pair {
	unsigned int host;
	unsigned int guest;
};

/* Each trace on the host next to the following one and to the one before; alone, next to itself. */
static unsigned int pair_count(const struct compare *compare)
{
	return compare->trace_count > 2 ? 2 * compare->trace_count : compare->trace_count;
}

static struct pair pair_at(const struct compare *compare, unsigned int i)
{
	const unsigned int n = compare->trace_count, host = i % n;

	return (struct pair){host, (host + (i < n ? 1 : n - 1)) % n};
}

uint32_t extra_count(const struct compare *compare)
{
	if (!compare->extra_wanted)
		return 0;
	return 2 * compare->trace_count + pair_count(compare) * compare->size_count;
}

static bool is_mixed(const struct compare *compare, uint32_t job)
{
	return job >= 2 * compare->trace_count;
}

static struct pair mixed_pair(const struct compare *compare, uint32_t job, unsigned int *size)
{
	const uint32_t number = job - 2 * compare->trace_count;

	*size = number % compare->size_count;
	return pair_at(compare, number / compare->size_count);
}

static struct extra *mixed_at(const struct compare *compare, unsigned int pair, unsigned int size)
{
	return &compare->extra[2 * compare->trace_count + pair * compare->size_count + size];
}

uint64_t extra_cost(const struct compare *compare, uint32_t job)
{
	unsigned int size;
	struct pair pair;

	if (!is_mixed(compare, job))
		return PAGE_TABLE_COST *
		       compare->traces[job % compare->trace_count].trace.references;
	pair = mixed_pair(compare, job, &size);
	return MIXED_COST * (compare->traces[pair.host].trace.references +
			     compare->traces[pair.guest].trace.references);
}

void extra_name(const struct compare *compare, uint32_t job, char *text, size_t room)
{
	unsigned int size;
	struct pair pair;

	if (!is_mixed(compare, job)) {
		snprintf(text, room, "proactive reclaim on '%.60s'",
			 compare->traces[job % compare->trace_count].name);
		return;
	}
	pair = mixed_pair(compare, job, &size);
	snprintf(text, room, "host '%.60s' and guest '%.60s' at %s",
		 compare->traces[pair.host].name, compare->traces[pair.guest].name,
		 compare->sizes[size].text);
}

static bool run_picks(const struct proactive_config *config, struct extra *extra)
{
	struct picks picks;

	if (!picks_run(&picks, config))
		return false;
	extra->picks = (struct extra_picks){
		.wrong = 100.0 * (double)picks.wrong / (double)picks.picked,
		.excess = picks_excess(&picks),
		.batch = (double)picks.batch_reads / (double)picks.misses,
	};
	return true;
}

static bool run_proactive(const struct proactive_config *config, struct extra *extra)
{
	struct proactive p;

	if (!proactive_run(&p, config))
		return false;
	extra->proactive = (struct extra_proactive){
		.held = proactive_held(&p, config->target),
		.savings = proactive_savings(&p),
		.saved = 100.0 * (double)p.saved / (double)p.whole,
		.batch = (double)p.batch_reads / (double)p.misses,
	};
	return true;
}

static bool run_mixed(const struct compare *compare, uint32_t job, struct extra *extra, char *error)
{
	unsigned int size;
	const struct pair pair = mixed_pair(compare, job, &size);
	uint64_t lru[MIXED_SIDES];
	struct mixed mixed;
	struct merge merge;
	struct mixed_config config = {
		.merge = &merge,
		.format = sim_policy_generations.format_name(0),
		.secondary = MIXED_FAST,
		.look = MIXED_LOOK_BOTH,
		.engine = true,
		.fault_young = true,
		.isolate = 1,
		.quiet = true,
		.error = error,
	};
	bool good;

	if (!merge_traces(&merge, &compare->traces[pair.host].trace,
			  &compare->traces[pair.guest].trace, error, SIM_ERROR_SIZE))
		return false;
	config.frames = memory_limit_pages(&compare->sizes[size].limit, merge.trace.footprint);
	good = mixed_policy(&merge, &sim_policy_lru, config.frames, lru, error) &&
	       mixed_run(&mixed, &config);
	if (good) {
		const uint64_t misses = mixed.misses[MIXED_HOST] + mixed.misses[MIXED_GUEST];

		extra->mixed = (struct extra_mixed){
			.skew = mixed_skew(mixed.misses, lru),
			.host = mixed_against(mixed.misses[MIXED_HOST], lru[MIXED_HOST]),
			.guest = mixed_against(mixed.misses[MIXED_GUEST], lru[MIXED_GUEST]),
			.batch = (double)mixed.batch_reads / (double)misses,
			.waits = mixed.lock_waits,
			.not_asked = mixed.not_asked_pages + mixed.unanswered,
		};
	}
	merge_free(&merge);
	return good;
}

bool extra_run(const struct compare *compare, uint32_t job, struct extra *extra, char *error)
{
	const struct trace *trace = &compare->traces[job % compare->trace_count].trace;
	const struct proactive_config config = {
		.trace = trace,
		.format = sim_policy_generations.format_name(0),
		.target = compare->promotion,
		.quiet = true,
		.error = error,
	};

	*extra = (struct extra){.done = true};
	if (is_mixed(compare, job))
		return run_mixed(compare, job, extra, error);
	extra->none = !proactive_possible(&config);
	if (extra->none)
		return true;
	return job < compare->trace_count ? run_picks(&config, extra) :
					    run_proactive(&config, extra);
}

/* --- goals -------------------------------------------------------------------------------- */

static void goal_of_traces(struct sums_goal *goal, const struct compare *compare, bool picks,
			   double (*value)(const struct extra *extra), const char *what)
{
	for (unsigned int t = 0; t < compare->trace_count; t++) {
		const struct extra *extra = &compare->extra[picks ? t : compare->trace_count + t];
		double own;

		/* Of a trace that is too short nothing is known, so of all together neither. */
		if (extra->none) {
			goal->value.is = false;
			snprintf(goal->detail, sizeof(goal->detail), "%s; '%.60s' is too short",
				 what, compare->traces[t].name);
			return;
		}
		own = value(extra);
		if (!goal->value.is ||
		    (goal->at_least ? own < goal->value.value : own > goal->value.value))
			goal->value = (struct sums_value){true, own, t, 0};
	}
	snprintf(goal->detail, sizeof(goal->detail), "%s; worst: %.60s", what,
		 compare->traces[goal->value.trace].name);
}

static double value_excess(const struct extra *extra)
{
	return extra->picks.excess;
}

static double value_held(const struct extra *extra)
{
	return extra->proactive.held;
}

static double value_savings(const struct extra *extra)
{
	return extra->proactive.savings;
}

static void goals_mixed(struct sums_goal goals[2], const struct compare *compare)
{
	const unsigned int loads = pair_count(compare) * compare->size_count;
	double skew = 0, most = -1;
	uint64_t waits = 0;
	char where[200] = "none";

	for (unsigned int i = 0; i < loads; i++) {
		const uint32_t job = 2 * compare->trace_count + i;
		const struct extra_mixed *mixed = &compare->extra[job].mixed;

		skew += mixed->skew;
		waits += mixed->waits + mixed->not_asked;
		if (mixed->skew > most) {
			most = mixed->skew;
			extra_name(compare, job, where, sizeof(where));
		}
	}
	goals[0] = (struct sums_goal){.value = {.is = true, .value = skew / loads}, .goal = 5};
	snprintf(goals[0].id, sizeof(goals[0].id), "Q4-generations");
	snprintf(goals[0].detail, sizeof(goals[0].detail),
		 "skew in points, mean of %u loads; worst %.1f: %.120s", loads, most, where);
	goals[1] = (struct sums_goal){.value = {.is = true, .value = (double)waits}, .goal = 0};
	snprintf(goals[1].id, sizeof(goals[1].id), "Q4-waits-generations");
	snprintf(goals[1].detail, sizeof(goals[1].detail),
		 "times that a lock was waited for, and pages that were not asked");
}

unsigned int extra_goals(struct sums_goal goals[SUMS_GOALS + EXTRA_GOALS],
			 const struct compare *compare, unsigned int policy)
{
	struct sums_goal *own = goals + SUMS_GOALS;
	char what[100];

	sums_goals(goals, compare, policy);
	if (!compare->extra_wanted || compare->policies[policy] != &sim_policy_generations)
		return SUMS_GOALS;
	goals_mixed(own, compare);
	own[2] = (struct sums_goal){.goal = 0.5};
	snprintf(own[2].id, sizeof(own[2].id), "Q5-picks-generations");
	goal_of_traces(&own[2], compare, true, value_excess,
		       "wrong picks of the coldest 30 %, in points above exact LRU's");
	own[3] = (struct sums_goal){.goal = 95, .at_least = true};
	snprintf(own[3].id, sizeof(own[3].id), "Q5-held-generations");
	snprintf(what, sizeof(what), "windows that hold a promotion target of %g %%, in percent",
		 compare->promotion / 1e4);
	goal_of_traces(&own[3], compare, false, value_held, what);
	own[4] = (struct sums_goal){.goal = 90, .at_least = true};
	snprintf(own[4].id, sizeof(own[4].id), "Q5-savings-generations");
	goal_of_traces(&own[4], compare, false, value_savings,
		       "memory saved, in percent of what an oracle saves at the same promotions");
	return SUMS_GOALS + EXTRA_GOALS;
}

/* --- tables ------------------------------------------------------------------------------- */

void extra_print(const struct compare *compare)
{
	if (!compare->extra_wanted)
		return;
	printf("\nProactive reclaim by generations: the coldest 30 %% picked, and a promotion target of "
	       "%g %%.\nBatch: entries read per miss.\n",
	       compare->promotion / 1e4);
	printf("%-15s %9s %9s %9s %9s %9s %9s %9s\n", "", "% wrong", "above LRU", "batch", "% held",
	       "% saved", "% oracle", "batch");
	for (unsigned int t = 0; t < compare->trace_count; t++) {
		const struct extra *picks = &compare->extra[t];
		const struct extra *own = &compare->extra[compare->trace_count + t];

		printf("%-15.15s", compare->traces[t].name);
		if (own->none)
			printf(" too short\n");
		else
			printf(" %9.2f %+9.2f %9.1f %9.1f %9.1f %9.1f %9.1f\n", picks->picks.wrong,
			       picks->picks.excess, picks->picks.batch, own->proactive.held,
			       own->proactive.saved, own->proactive.savings, own->proactive.batch);
	}
	printf("\nHost and guest under generations, the guest's MMU asked in ageing: misses against LRU "
	       "in percent,\nskew in points\n%-15s %-15s %10s %9s %9s %9s %9s\n",
	       "host", "guest", "memory", "host", "guest", "skew", "batch");
	for (unsigned int i = 0; i < pair_count(compare); i++)
		for (unsigned int size = 0; size < compare->size_count; size++) {
			const struct pair pair = pair_at(compare, i);
			const struct extra_mixed *m = &mixed_at(compare, i, size)->mixed;

			printf("%-15.15s %-15.15s %10s %+9.1f %+9.1f %9.1f %9.1f\n",
			       compare->traces[pair.host].name, compare->traces[pair.guest].name,
			       compare->sizes[size].text, m->host, m->guest, m->skew, m->batch);
		}
}

static void name_cell(FILE *out, const char *name)
{
	fputs("<td>", out);
	html_text(out, name);
	fputs("</td>", out);
}

void extra_html(FILE *out, const struct compare *compare)
{
	if (!compare->extra_wanted)
		return;
	fprintf(out,
		"<h2>Proactive reclaim by generations</h2>\n<p>The coldest 30 %% picked, and a promotion "
		"target of %g %%. Batch: entries read per miss.</p>\n<table>\n<tr><th>trace</th>"
		"<th>wrong picks</th><th>above LRU</th><th>batch</th><th>windows held</th>"
		"<th>memory saved</th><th>of an oracle's</th><th>batch</th></tr>\n",
		compare->promotion / 1e4);
	for (unsigned int t = 0; t < compare->trace_count; t++) {
		const struct extra *picks = &compare->extra[t];
		const struct extra *own = &compare->extra[compare->trace_count + t];

		fputs("<tr>", out);
		name_cell(out, compare->traces[t].name);
		if (own->none)
			fputs("<td colspan=\"7\">too short</td></tr>\n", out);
		else
			fprintf(out,
				"<td>%.2f %%</td><td>%+.2f</td><td>%.1f</td><td>%.1f %%</td>"
				"<td>%.1f %%</td><td>%.1f %%</td><td>%.1f</td></tr>\n",
				picks->picks.wrong, picks->picks.excess, picks->picks.batch,
				own->proactive.held, own->proactive.saved, own->proactive.savings,
				own->proactive.batch);
	}
	fputs("</table>\n<h2>Host and guest under generations</h2>\n<p>The guest's MMU is asked in "
	      "ageing. Misses against LRU; skew in points.</p>\n<table>\n<tr><th>host</th>"
	      "<th>guest</th><th>memory</th><th>host</th><th>guest</th><th>skew</th><th>batch</th>"
	      "</tr>\n",
	      out);
	for (unsigned int i = 0; i < pair_count(compare); i++)
		for (unsigned int size = 0; size < compare->size_count; size++) {
			const struct pair pair = pair_at(compare, i);
			const struct extra_mixed *m = &mixed_at(compare, i, size)->mixed;

			fputs("<tr>", out);
			name_cell(out, compare->traces[pair.host].name);
			name_cell(out, compare->traces[pair.guest].name);
			fprintf(out,
				"<td>%s</td><td>%+.1f %%</td><td>%+.1f %%</td><td>%.1f</td>"
				"<td>%.1f</td></tr>\n",
				compare->sizes[size].text, m->host, m->guest, m->skew, m->batch);
		}
	fputs("</table>\n", out);
}
