/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ptw-sim report (or merge): comparisons of traces that were replayed elsewhere, by GNU parallel or
 * by jobs of a cluster, as one. What `ptw-sim compare --json` wrote holds every figure that tables
 * and sums are made of.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "arguments.h"
#include "compare.h"
#include "compare_merge.h"
#include "compare_report.h"
#include "console.h"
#include "output.h"
#include "policies.h"

struct arguments {
	struct compare compare;
	struct arguments_common common;
	const char *html;
	json_t **files;
	const char **names;
	unsigned int count;
};

static const struct argp_option option_table[] = {
	{"html", 'w', "FILE", 0, "Write a page with tables and plots, which needs no other file", 0},
	{0},
};

static error_t parse_option(int key, char *arg, struct argp_state *state);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "FILE...",
	.children = arguments_files,
	.doc = "Show what ptw-sim compare --json wrote, as tables, as a page or for spreadsheets; of several "
	       "runs, each of other traces, one comparison: the same as if one run had "
	       "done it all. report and merge are one verb.\v"
	       "Policies and sizes of memory must be those of the first file.\n"
	       "\n"
	       "Examples, the second with GNU parallel:\n"
	       "  ptw-sim report result.json --html page.html\n"
	       "  parallel ptw-sim compare --jobs 1 {} --json {/.}.json ::: *.u32.zst\n"
	       "  ptw-sim merge *.json --html all.html\n",
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct arguments *a = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments_init(state, &a->common);
		return 0;
	case 'w':
		a->html = argument_file("html", arg);
		return 0;
	case ARGP_KEY_ARG:
		a->names[a->count++] = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

_Noreturn static void not_ours(const char *file, const char *what)
{
	sim_die("'%s' has no %s: is it of ptw-sim compare --json, without --goals?", file, what);
}

static json_t *member(const char *file, json_t *object, const char *name, json_type type)
{
	json_t *value = json_object_get(object, name);

	if (!value || json_typeof(value) != type)
		not_ours(file, name);
	return value;
}

static uint64_t number(const char *file, json_t *object, const char *name)
{
	const json_int_t value = json_integer_value(member(file, object, name, JSON_INTEGER));

	if (value < 0)
		not_ours(file, name);
	return (uint64_t)value;
}

static const char *text(const char *file, json_t *object, const char *name)
{
	return json_string_value(member(file, object, name, JSON_STRING));
}

/* Policies and sizes of the first file, which the others must share. */
static void take_shape(struct compare *compare, const char *file, json_t *root)
{
	json_t *policies = member(file, root, "policies", JSON_ARRAY);
	json_t *traces = member(file, root, "traces", JSON_ARRAY), *points;

	compare->scan_interval = (uint32_t)number(file, root, "scan_interval");
	compare->lru = compare->opt = compare->mglru = COMPARE_POLICIES;
	if (json_array_size(policies) > COMPARE_POLICIES || !json_array_size(traces))
		not_ours(file, "policies and traces");
	for (size_t i = 0; i < json_array_size(policies); i++) {
		const char *name = text(file, json_array_get(policies, i), "policy");
		unsigned int p = 0;

		while (policy_at(p) && strcmp(policy_at(p)->name, name) != 0)
			p++;
		if (!policy_at(p))
			sim_die("'%s' has a policy '%s' that this ptw-sim does not know", file, name);
		compare->policies[compare->policy_count++] = policy_at(p);
		if (policy_at(p) == &sim_policy_lru)
			compare->lru = (unsigned int)i;
		if (policy_at(p) == &sim_policy_opt)
			compare->opt = (unsigned int)i;
		if (policy_at(p) == &sim_policy_mglru)
			compare->mglru = (unsigned int)i;
	}
	if (compare->lru == COMPARE_POLICIES || compare->opt == COMPARE_POLICIES)
		not_ours(file, "lru and opt");
	if (compare->mglru == COMPARE_POLICIES)
		compare->mglru = compare->policy_count;
	points = member(file, json_array_get(traces, 0), "points", JSON_ARRAY);
	if (!json_array_size(points) || json_array_size(points) > COMPARE_SIZES)
		not_ours(file, "points");
	for (size_t i = 0; i < json_array_size(points); i++) {
		struct compare_size *size = &compare->sizes[compare->size_count++];
		const char *memory = text(file, json_array_get(points, i), "memory");

		if (strlen(memory) >= sizeof(size->text) || !memory_limit_parse(&size->limit, memory))
			not_ours(file, "memory");
		strcpy(size->text, memory);
	}
}

static void take_replay(struct compare_replay *replay, const char *file, json_t *of, const char *policy)
{
	char *end;

	if (strcmp(text(file, of, "policy"), policy) != 0)
		sim_die("'%s' has other policies than the first file; run them alike", file);
	replay->misses = number(file, of, "misses");
	replay->has_counters = json_is_integer(json_object_get(of, "batch_reads"));
	if (replay->has_counters) {
		replay->batch_reads = number(file, of, "batch_reads");
		replay->single_checks = number(file, of, "single_checks");
	}
	replay->eviction_hash = strtoull(text(file, of, "eviction_hash"), &end, 16);
	if (*end)
		not_ours(file, "eviction_hash");
}

static void take_point(struct compare *compare, unsigned int trace, unsigned int size, const char *file,
		       json_t *point)
{
	json_t *replays = member(file, point, "replays", JSON_ARRAY);

	if (strcmp(text(file, point, "memory"), compare->sizes[size].text) != 0 ||
	    json_array_size(replays) != compare->policy_count)
		sim_die("'%s' has other policies or sizes of memory than the first file; run them alike", file);
	for (unsigned int p = 0; p < compare->policy_count; p++)
		take_replay(&compare->replays[compare_index(compare, trace, size, p)], file,
			    json_array_get(replays, p), compare->policies[p]->name);
}

static void take_trace(struct compare *compare, const char *file, json_t *of)
{
	json_t *points = member(file, of, "points", JSON_ARRAY);
	const unsigned int at = compare->trace_count++;
	struct compare_trace *trace = &compare->traces[at];

	trace->name = (char *)(uintptr_t)text(file, of, "name");
	trace->path = text(file, of, "path");
	trace->trace.references = number(file, of, "references");
	trace->trace.footprint = (uint32_t)number(file, of, "footprint_pages");
	for (unsigned int i = 0; i < at; i++)
		if (!strcmp(compare->traces[i].path, trace->path))
			sim_die("'%s': trace '%s' is there twice", file, trace->path);
	if (json_array_size(points) != compare->size_count)
		sim_die("'%s' has other sizes of memory than the first file; run them alike", file);
	for (unsigned int size = 0; size < compare->size_count; size++)
		take_point(compare, at, size, file, json_array_get(points, size));
}

static void load(struct arguments *a)
{
	struct compare *compare = &a->compare;
	json_error_t error;
	size_t traces = 0;

	for (unsigned int i = 0; i < a->count; i++) {
		a->files[i] = json_load_file(a->names[i], 0, &error);
		if (!a->files[i])
			sim_die("'%s', line %d: %s", a->names[i], error.line, error.text);
		if (!i)
			take_shape(compare, a->names[0], a->files[0]);
		if (number(a->names[i], a->files[i], "scan_interval") != compare->scan_interval)
			sim_die("'%s' has another scan interval than the first file; run them alike", a->names[i]);
		traces += json_array_size(member(a->names[i], a->files[i], "traces", JSON_ARRAY));
	}
	compare->traces = calloc(traces, sizeof(*compare->traces));
	compare->replays = calloc(traces * compare->size_count * compare->policy_count,
				  sizeof(*compare->replays));
	compare->extra = calloc(1, sizeof(char));
	if (!compare->traces || !compare->replays || !compare->extra)
		sim_die("not enough memory for %zu traces", traces);
	for (unsigned int i = 0; i < a->count; i++) {
		json_t *all = json_object_get(a->files[i], "traces");

		for (size_t k = 0; k < json_array_size(all); k++)
			take_trace(compare, a->names[i], json_array_get(all, k));
	}
}

int compare_merge_main(int argc, char **argv)
{
	static struct arguments a;
	static char verb[32];

	a.names = calloc((size_t)argc + 1, sizeof(*a.names));
	a.files = calloc((size_t)argc + 1, sizeof(*a.files));
	if (!a.names || !a.files)
		sim_die("not enough memory");
	snprintf(verb, sizeof(verb), "ptw-sim %s", argv[0]);
	a.common.verb = verb;
	arguments_parse(&argp, argc, argv, &a);
	if (!a.count)
		sim_die("no file named; give what ptw-sim compare --json wrote, as in ptw-sim report *.json");
	argument_check_apart("json", a.common.json, "html", a.html);
	argument_check_apart("csv", a.common.csv, "html", a.html);
	argument_check_apart("json", a.common.json, "csv", a.common.csv);
	load(&a);
	if (a.common.json)
		output_made(a.common.json, compare_json(&a.compare, false));
	if (a.common.csv)
		output_made(a.common.csv, compare_csv(&a.compare));
	if (a.html)
		output_made(a.html, compare_html(&a.compare, false));
	if (!output_is_stdout(a.common.json) && !output_is_stdout(a.common.csv) && !output_is_stdout(a.html))
		compare_print(&a.compare, false);
	output_flush();
	for (unsigned int i = 0; i < a.count; i++)
		json_decref(a.files[i]);
	free(a.compare.traces);
	free(a.compare.replays);
	free(a.compare.extra);
	free(a.names);
	free(a.files);
	return EXIT_SUCCESS;
}
