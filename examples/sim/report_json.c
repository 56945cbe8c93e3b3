/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

/* A file name need not be UTF-8, a JSON string must be. */
static json_t *json_name(const char *name)
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

char *report_json(const struct report *report)
{
	const struct options *options = report->options;
	const struct replay *replay = report->replay;
	json_t *root = json_object();
	char hash[17];
	char *text;
	int failed = 0;

	snprintf(hash, sizeof(hash), "%016" PRIx64, replay->eviction_hash);
#define ADD(key, value) (failed |= json_object_set_new(root, key, value))
	ADD("trace", json_name(options->trace));
	ADD("format", options->policy->format_name ? json_name(options->format) : json_null());
	ADD("policy", json_name(options->policy->name));
	ADD("memory_pages", json_count(report->memory_pages));
	ADD("footprint_pages", json_count(report->trace->footprint));
	ADD("references", json_count(report->trace->references));
	ADD("ticks", json_count(report->trace->ticks));
	ADD("faults", json_count(replay->faults));
	ADD("evictions", json_count(replay->evictions));
	ADD("eviction_hash", json_name(hash));
	ADD("batch_reads", json_counter(replay, replay->counters.batch_reads));
	ADD("single_checks", json_counter(replay, replay->counters.single_checks));
	ADD("harvested", json_counter(replay, replay->counters.harvested));
	ADD("scan_interval", json_count(options->scan_interval));
	ADD("seconds", json_real(replay->seconds));
	ADD("working_set", json_working_set(replay));
	ADD("idle_age", json_idle_age(replay));
#undef ADD
	text = failed ? NULL : json_dumps(root, JSON_INDENT(2));
	json_decref(root);
	return text;
}
