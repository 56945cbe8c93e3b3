/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * G2, first half: harvest of tables that lie in memory in random order, against a read of them in that
 * order without prefetches: what a processor gets by itself when each table lies somewhere else.
 */
#include <stdio.h>

#include <ptw/ptw.h>

#include "room.h"
#include "speed.h"
#include "trial.h"

#define ENTRIES	      ((uint64_t)128 << 20) /* 1 GiB of tables */
#define ENTRIES_QUICK ((uint64_t)4 << 20)
#define BLOCK	      ((uint64_t)1 << 17)
#define GOAL	      0.9

void shuffled_measure(struct sink *sink)
{
	const uint64_t entries = room_entries(sink->quick ? ENTRIES_QUICK : ENTRIES);
	struct against_read way;
	struct figure figure;
	struct ground ground;
	struct measured m;
	struct trial trial;

	ground_build(&ground, entries, &(const struct tables_how){.shuffled = true});
	trial_init(&trial, sink, entries, BLOCK);
	trial_add_read(&trial, &ground, &way);
	trial_run(&trial, &m);
	for (unsigned int i = 0; i < READ_SHARES; i++) {
		speed_figure(&figure, &m, m.ns[way.plain], m.ns[way.harvest[i]], GOAL);
		figure.at_least = true;
		snprintf(figure.id, sizeof(figure.id), "G2-shuffled-%g", read_shares[i]);
		snprintf(figure.detail, sizeof(figure.detail),
			 "share of an unprefetched read in that order: harvest at %g %% young %.4f ns, %s "
			 "read %.4f ns, with prefetch %.4f ns per entry; %llu MiB of tables; block %.0f us",
			 read_shares[i], m.ns[way.harvest[i]], trial.reader.name, m.ns[way.plain],
			 m.ns[way.ahead], (unsigned long long)entries >> 17, m.longest_us);
		sink_figure(sink, &figure);
	}
	ground_free(&ground);
	sink_step(sink);
}
