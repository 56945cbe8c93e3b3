/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* A file name need not be UTF-8, a JSON string must be. */
json_t *report_json_name(const char *name)
{
	json_t *string = json_string(name);
	char *ascii;

	if (string)
		return string;
	ascii = strdup(name);
	if (!ascii)
		return NULL;
	for (char *c = ascii; *c; c++) {
		if (*c & 0x80)
			*c = '?';
	}
	string = json_string(ascii);
	free(ascii);
	return string;
}

static json_t *json_count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

/* What a policy does not count is null, so that nobody takes it for a measured zero. */
static json_t *json_counter(const struct replay *replay, uint64_t value)
{
	return replay->has_counters ? json_count(value) : json_null();
}

static json_t *json_working_set(const struct replay *replay)
{
	json_t *rows = json_array();

	for (unsigned int i = 0; i < replay->window_count; i++) {
		const struct window *w = &replay->windows[i];
		json_t *young = w->scans ? json_count(w->scan_young / w->scans) : json_null();
		json_t *row = json_pack("{s:I, s:I, s:I, s:I, s:o}", "first_tick",
					(json_int_t)w->first_tick, "end_tick",
					(json_int_t)w->end_tick, "pages", (json_int_t)w->pages,
					"faults", (json_int_t)w->faults, "young_per_scan", young);

		if (json_array_append_new(rows, row)) {
			json_decref(rows);
			return NULL;
		}
	}
	return rows;
}

static json_t *json_tlb(const struct options *options)
{
	char text[REPORT_TLB_SIZE];

	report_tlb(options, text);
	return json_string(text);
}

static json_t *json_idle_age(const struct replay *replay)
{
	json_t *ages = json_array();

	for (unsigned int i = 0; i < SIM_AGES; i++) {
		if (json_array_append_new(ages, json_count(replay->idle_age[i]))) {
			json_decref(ages);
			return NULL;
		}
	}
	return ages;
}

/* The indented object and one more member in a line: jansson would give 256 numbers 256 lines. */
static char *dump_with_line(const json_t *object, const char *key, const json_t *value)
{
	char *all = json_dumps(object, JSON_INDENT(2));
	char *line = json_dumps(value, 0);
	size_t size = all && line ? strlen(all) + strlen(line) + strlen(key) + 16 : 0;
	char *text = size ? malloc(size) : NULL;

	/* "\n}" is the end of every indented object that is not empty. */
	if (text)
		snprintf(text, size, "%.*s,\n  \"%s\": %s\n}", (int)(strlen(all) - 2), all, key,
			 line);
	free(all);
	free(line);
	return text;
}

char *report_json(const struct report *report)
{
	const struct options *options = report->options;
	const struct replay *replay = report->replay;
	bool has_pgtable = options->policy->format_name != NULL;
	json_t *root = json_object();
	json_t *ages = json_idle_age(replay);
	char hash[17];
	char *text;
	int failed = 0;

	snprintf(hash, sizeof(hash), "%016" PRIx64, replay->eviction_hash);
#define ADD(key, value) (failed |= json_object_set_new(root, key, value))
	ADD("trace", report_json_name(options->trace));
	ADD("format", has_pgtable ? report_json_name(options->format) : json_null());
	ADD("policy", report_json_name(options->policy->name));
	ADD("tlb", has_pgtable ? json_tlb(options) : json_null());
	ADD("memory_pages", json_count(report->memory_pages));
	ADD("memory_bytes", json_count((uint64_t)report->memory_pages * SIM_PAGE_SIZE));
	ADD("footprint_pages", json_count(report->trace->footprint));
	ADD("footprint_bytes", json_count((uint64_t)report->trace->footprint * SIM_PAGE_SIZE));
	ADD("references", json_count(report->trace->references));
	ADD("ticks", json_count(report->trace->ticks));
	ADD("faults", json_count(replay->faults));
	ADD("evictions", json_count(replay->evictions));
	ADD("eviction_hash", report_json_name(hash));
	ADD("batch_reads", json_counter(replay, replay->counters.batch_reads));
	ADD("single_checks", json_counter(replay, replay->counters.single_checks));
	ADD("harvested", json_counter(replay, replay->counters.harvested));
	ADD("tlb_hits", has_pgtable ? json_count(replay->counters.tlb_hits) : json_null());
	ADD("scan_interval", json_count(options->scan_interval));
	ADD("seconds", json_real(replay->seconds));
	ADD("working_set", json_working_set(replay));
#undef ADD
	text = failed || !ages ? NULL : dump_with_line(root, "idle_age", ages);
	json_decref(root);
	json_decref(ages);
	return text;
}
