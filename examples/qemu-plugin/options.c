/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

#define EVERY	   UINT64_C(20000000)
#define FILTER_MAX 65536u

static const char usage[] =
	"guest-age.so takes, separated by commas: every=INSTRUCTIONS of a step of ageing (20M) or "
	"interval=MILLISECONDS, target=PERCENT of the working set that may be brought back in ten "
	"steps (5; 0: nothing is put out), json=FILE, html=FILE, svg=FILE, metrics=FILE, "
	"socket=PATH, record=FILE, filter=PAGES of the record (256), ram=BYTES where RAM is no "
	"memory-backend-memfd, verify=on; example: every=50M,html=guest.html";

/* A number with K, M or G behind it, up to most. */
static bool number(const char *text, uint64_t unit, uint64_t most, uint64_t *value)
{
	char *end;
	unsigned long long found;
	unsigned int steps = 0;

	errno = 0;
	found = strtoull(text, &end, 10);
	if (end == text || *text == '-' || errno)
		return false;
	if (*end)
		steps = *end == 'K' ? 1 : *end == 'M' ? 2 : *end == 'G' ? 3 : 4;
	if (steps > 3 || (steps && end[1]))
		return false;
	for (; steps; steps--)
		if (__builtin_mul_overflow(found, unit, &found))
			return false;
	*value = found;
	return found <= most;
}

static bool number32(const char *text, uint64_t most, uint32_t *value)
{
	uint64_t wide;

	if (!number(text, 1000, most, &wide))
		return false;
	*value = (uint32_t)wide;
	return true;
}

static bool target(const char *text, uint32_t *value)
{
	char *end;
	double percent = strtod(text, &end);

	if (end == text || *end || !(percent >= 0 && percent <= 100))
		return false;
	*value = (uint32_t)(percent * 10000 + 0.5);
	return true;
}

static bool on_or_off(const char *text, bool *value)
{
	*value = strcmp(text, "on") == 0;
	return *value || strcmp(text, "off") == 0;
}

static bool file(struct options *options, const char *name, const char *value)
{
	const struct {
		const char *name;
		const char **to;
	} files[] = {
		{"json", &options->json},     {"html", &options->html},
		{"svg", &options->svg},	      {"metrics", &options->metrics},
		{"socket", &options->socket}, {"record", &options->record},
	};

	for (unsigned int i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		if (strcmp(name, files[i].name) == 0 && *value) {
			*files[i].to = strdup(value);
			return *files[i].to != NULL;
		}
	}
	return false;
}

static bool set(struct options *options, const char *name, const char *value)
{
	if (strcmp(name, "every") == 0)
		return number(value, 1000, UINT64_MAX / 4, &options->every) && options->every;
	if (strcmp(name, "interval") == 0)
		return number32(value, 3600000, &options->interval) && options->interval;
	if (strcmp(name, "target") == 0)
		return target(value, &options->target);
	if (strcmp(name, "ram") == 0)
		return number(value, 1024, UINT64_C(1) << 44, &options->ram) && options->ram;
	if (strcmp(name, "filter") == 0)
		return number32(value, FILTER_MAX, &options->filter);
	if (strcmp(name, "verify") == 0)
		return on_or_off(value, &options->verify);
	return file(options, name, value);
}

bool options_parse(struct options *options, int count, char **argument)
{
	*options = (struct options){.target = 50000, .filter = 256};
	for (int i = 0; i < count; i++) {
		char *value = strchr(argument[i], '=');
		bool good = false;

		if (value) {
			*value = 0;
			good = set(options, argument[i], value + 1);
			*value = '=';
		}
		if (!good) {
			say("bad argument '%s'. %s", argument[i], usage);
			return false;
		}
	}
	if (options->every && options->interval) {
		say("every= and interval= are two ways to tell one thing; leave one of them out");
		return false;
	}
	if (!options->every && !options->interval)
		options->every = EVERY;
	return true;
}
