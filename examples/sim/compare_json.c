/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "compare_extra.h"
#include "compare_report.h"
#include "report.h"

static json_t *json_value(const struct sums_value *value)
{
	return value->is ? json_real(value->value) : json_null();
}

static json_t *json_counted(const struct compare_replay *replay, uint64_t count)
{
	return replay->has_counters ? json_integer((json_int_t)count) : json_null();
}

/* jansson's functions take null for "not enough memory" and hand it on. */
static json_t *json_replay(const struct compare *compare, unsigned int trace, unsigned int size,
			   unsigned int policy)
{
	const struct compare_replay *replay = compare_at(compare, trace, size, policy);
	struct sums_value gap = sums_gap(compare, trace, size, policy);
	char hash[17];

	snprintf(hash, sizeof(hash), "%016" PRIx64, replay->eviction_hash);
	return json_pack("{s:s, s:I, s:f, s:o, s:o, s:o, s:s}", "policy",
			 compare->policies[policy]->name, "misses", (json_int_t)replay->misses,
			 "against_lru", sums_against_lru(compare, trace, size, policy),
			 "gap_closed", json_value(&gap), "batch_reads",
			 json_counted(replay, replay->batch_reads), "single_checks",
			 json_counted(replay, replay->single_checks), "eviction_hash", hash);
}

static json_t *json_point(const struct compare *compare, unsigned int trace, unsigned int size)
{
	const json_int_t pages = compare_frames(compare, trace, size);
	json_t *replays = json_array();

	for (unsigned int policy = 0; policy < compare->policy_count; policy++)
		if (json_array_append_new(replays, json_replay(compare, trace, size, policy)))
			break;
	return json_pack("{s:s, s:I, s:I, s:o}", "memory", compare->sizes[size].text, "memory_pages", pages,
			 "memory_bytes", pages * SIM_PAGE_SIZE, "replays", replays);
}

static json_t *json_trace(const struct compare *compare, unsigned int trace)
{
	const struct compare_trace *of = &compare->traces[trace];
	json_t *points = json_array();

	for (unsigned int size = 0; size < compare->size_count; size++)
		if (json_array_append_new(points, json_point(compare, trace, size)))
			break;
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:o}", "name", report_json_name(of->name), "path",
			 report_json_name(of->path), "references", (json_int_t)of->trace.references,
			 "footprint_pages", (json_int_t)of->trace.footprint, "footprint_bytes",
			 (json_int_t)of->trace.footprint * SIM_PAGE_SIZE, "points", points);
}

static json_t *json_worst(const struct compare *compare, const struct sums_value *worst)
{
	return json_pack("{s:f, s:o, s:s}", "against_lru", worst->value, "trace",
			 report_json_name(compare->traces[worst->trace].name), "memory",
			 compare->sizes[worst->size].text);
}

static json_t *json_policy(const struct compare *compare, unsigned int policy)
{
	struct sums sums;

	sums_of(&sums, compare, policy);
	return json_pack("{s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o}", "policy",
			 compare->policies[policy]->name, "reference",
			 (int)!compare_judged(compare, policy), "against_lru_10_25",
			 json_value(&sums.low), "gap_closed_10_25", json_value(&sums.gap),
			 "against_lru_all", json_value(&sums.all), "worst",
			 json_worst(compare, &sums.worst), "batch_per_miss",
			 json_value(&sums.batch), "single_per_miss", json_value(&sums.single));
}

/* As ptw-bench writes its figures; no blocks are timed, so none were kept. */
static json_t *json_goal(const struct sums_goal *goal)
{
	bool has = !goal->needless;

	return json_pack("{s:s, s:o, s:o, s:s?, s:o, s:n, s:n, s:n, s:o}", "id", goal->id, "value",
			 json_value(&goal->value), "goal",
			 has ? json_real(goal->goal) : json_null(), "bound", has ? sums_bound(goal) : NULL,
			 "met", has ? json_boolean(sums_met(goal)) : json_null(), "few", "kept",
			 "total", "detail", report_json_name(goal->detail));
}

static json_t *json_goals(const struct compare *compare)
{
	json_t *array = json_array();

	for (unsigned int policy = 0; policy < compare->policy_count; policy++) {
		struct sums_goal goals[SUMS_GOALS + EXTRA_GOALS];
		unsigned int count;

		if (!compare_judged(compare, policy))
			continue;
		count = extra_goals(goals, compare, policy);
		for (unsigned int g = 0; g < count; g++)
			if (json_array_append_new(array, json_goal(&goals[g])))
				return NULL;
	}
	return array;
}

static json_t *json_all(const struct compare *compare)
{
	json_t *traces = json_array();
	json_t *policies = json_array();

	for (unsigned int trace = 0; trace < compare->trace_count; trace++)
		if (json_array_append_new(traces, json_trace(compare, trace)))
			return NULL;
	for (unsigned int policy = 0; policy < compare->policy_count; policy++)
		if (json_array_append_new(policies, json_policy(compare, policy)))
			return NULL;
	return json_pack("{s:i, s:o, s:o}", "scan_interval", (int)compare->scan_interval,
			 "policies", policies, "traces", traces);
}

char *compare_json(const struct compare *compare, bool goals)
{
	json_t *root = goals ? json_goals(compare) : json_all(compare);
	char *text = root ? json_dumps(root, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;

	json_decref(root);
	return text;
}
