/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "window.h"

#include <string.h>

#include "scan.h"
#include "thread.h"

/* Shorter than the time slices of a scheduler. */
#define WINDOW_NS 500000u

#define STALL_NS  1000000u

/* Fill the other part from now on. */
static void begin(struct window *window, uint64_t lost)
{
	window->filling ^= 1;
	memset(&window->part[window->filling].kept, 0, sizeof(window->part[0].kept));
	window->part[window->filling].lost = lost;
	window->part[window->filling].spoiled = false;
	window->end = now_ns() + WINDOW_NS;
}

void window_open(struct window *window)
{
	uint64_t lost = 0;

	if (window->scan)
		scan_reports(window->scan, &lost);
	window->waiting = false;
	begin(window, lost);
}

void window_add(struct window *window, uint64_t ns, bool preempted)
{
	histogram_add(&window->latencies->raw, ns);
	if (ns >= STALL_NS)
		window->latencies->stalled_ns += ns;
	histogram_add(&window->part[window->filling].kept, ns);
	window->part[window->filling].spoiled |= preempted;
}

/* The time from each request that comes during an operation to the operation's end. */
static void add_arrivals(struct histogram *arrivals, const struct histogram *kept)
{
	for (unsigned int i = 0; i < HISTOGRAM_BUCKETS; i++) {
		uint64_t value = (uint64_t)histogram_value(i);

		if (!kept->bucket[i])
			continue;
		histogram_add_many(arrivals, value, kept->bucket[i]);
		while (value > LATENCIES_EVERY_NS) {
			value -= LATENCIES_EVERY_NS;
			histogram_add_many(arrivals, value, kept->bucket[i]);
		}
	}
}

void window_turn(struct window *window)
{
	const unsigned int other = window->filling ^ 1;
	const struct histogram *kept = &window->part[other].kept;
	uint64_t reports = 0;
	uint64_t lost = 0;

	if (window->scan)
		reports = scan_reports(window->scan, &lost);
	if (window->waiting && (!window->scan || reports != window->reports)) {
		if (lost == window->part[other].lost && !window->part[other].spoiled) {
			histogram_merge(&window->latencies->kept, kept);
			add_arrivals(&window->latencies->arrivals, kept);
		}
		window->waiting = false;
	}
	if (!window->waiting && now_ns() >= window->end) {
		window->waiting = true;
		window->reports = reports;
		begin(window, lost);
	}
}
