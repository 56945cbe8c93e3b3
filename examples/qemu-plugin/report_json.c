/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The report for programs. Its shape is told in README.md. */
#include <jansson.h>

#include "report.h"

static json_t *array(const uint64_t *values, unsigned int count)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < count; i++)
		json_array_append_new(list, json_integer((json_int_t)values[i]));
	return list;
}

static void set(json_t *object, const char *name, uint64_t value)
{
	json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *column(const struct history_column *from)
{
	json_t *to = json_object();

	set(to, "steps", from->steps);
	set(to, "instructions", from->instructions);
	set(to, "ms", from->ms);
	set(to, "touched", from->touched / from->steps);
	set(to, "touched_most", from->most);
	set(to, "working_set", from->working_set);
	set(to, "ever", from->ever);
	set(to, "resident", from->resident);
	set(to, "refaults", from->refaults);
	set(to, "evicted", from->evicted);
	json_object_set_new(to, "idle", array(from->idle, HISTORY_AGES));
	return to;
}

static json_t *marks(const struct history *history)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < history->marks; i++) {
		json_t *mark = json_object();

		set(mark, "instructions", history->mark[i].instructions);
		set(mark, "ms", history->mark[i].ms);
		json_object_set_new(mark, "text", json_string(history->mark[i].text));
		json_array_append_new(list, mark);
	}
	return list;
}

static json_t *counters(const struct guest *guest)
{
	const struct machine *machine = &guest->machine;
	struct report_sums sums;
	json_t *to = json_object();

	report_sums(guest, &sums);
	set(to, "loads", sums.loads);
	set(to, "stores", sums.stores);
	set(to, "asked", sums.asked);
	set(to, "io", sums.io);
	set(to, "outside", sums.outside);
	if (guest->options.verify)
		set(to, "wrong", sums.wrong);
	set(to, "walks", sums.walks);
	set(to, "tlb_hits", sums.tlb_hits);
	set(to, "faults", machine->faults);
	set(to, "refaults", machine->refaults);
	set(to, "evicted", machine->evicted);
	set(to, "step_us", guest->step_ns / 1000);
	return to;
}

/* All pages ever used, as runs [first, count]. */
static json_t *used(const struct history *history)
{
	json_t *list = json_array();
	uint64_t end;

	for (uint64_t first = 0; first < history->pages; first = end) {
		end = first + 1;
		if (!history->last[first])
			continue;
		while (end < history->pages && history->last[end])
			end++;
		json_array_append_new(list, array((const uint64_t[]){first, end - first}, 2));
	}
	return list;
}

void report_json(FILE *out, const struct guest *guest)
{
	const struct history *history = &guest->history;
	json_t *root = json_object(), *list = json_array();
	struct report_sums sums;

	report_sums(guest, &sums);
	json_object_set_new(root, "format", json_string("ptw-guest-age"));
	set(root, "version", 1);
	json_object_set_new(root, "target", json_string(guest->target));
	json_object_set_new(root, "table", json_string(guest->machine.format));
	json_object_set_new(root, "fetches", json_boolean(guest->fetches));
	set(root, "page_size", UINT64_C(1) << PAGE_SHIFT);
	set(root, "pages", history->pages);
	set(root, "processors", sums.processors);
	set(root, "every", guest->options.every);
	set(root, "interval_ms", guest->options.interval);
	set(root, "window", HISTORY_WINDOW);
	set(root, "target_millionths", guest->options.target);
	set(root, "instructions", guest->instructions);
	set(root, "ms", guest_ms(guest));
	set(root, "steps", history->steps);
	json_object_set_new(root, "counters", counters(guest));
	json_object_set_new(root, "marks", marks(history));
	for (unsigned int i = 0; i < history->columns; i++)
		json_array_append_new(list, column(&history->column[i]));
	json_object_set_new(root, "columns", list);
	json_object_set_new(root, "used", used(history));
	json_dumpf(root, out, JSON_COMPACT);
	fputc('\n', out);
	json_decref(root);
}
