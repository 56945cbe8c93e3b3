/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Idle age: the engine's own order, aged in steps. A step ends when a 32nd of memory has come in; and, so that ages
 * go on where nothing comes in any more, after four times as long as that has taken on average.
 */
#include <ptw/error.h>
#include <ptw/policy.h>
#include <ptw/port.h>

#include "lib/age/numbers.h"

#define PTW_IDLE_STEPS	  32u
#define PTW_IDLE_PATIENCE 4u

struct ptw_idle {
	uint64_t faults; /* since the step began */
	uint64_t all_faults;
	uint64_t begun; /* when the step began */
	uint64_t first; /* when the first one did */
	uint64_t clock_from; /* what the clock said when the state was restored, */
	uint64_t clock_at;   /* and the time that was then */
	bool started;
};

/* Larger numbers are never written; none below makes a sum overflow. */
#define PTW_IDLE_MOST ((uint64_t)1 << 62)

static int ptw_idle_init(const struct ptw_policy_config *config, void **state)
{
	(void)config;
	*state = ptw_port_zalloc(sizeof(struct ptw_idle));
	return *state ? PTW_OK : PTW_ERR_NOMEM;
}

static void ptw_idle_exit(void *state)
{
	ptw_port_free(state, sizeof(struct ptw_idle));
}

static void ptw_idle_added(void *state, uint64_t page)
{
	struct ptw_idle *s = state;

	(void)page;
	s->faults++;
	s->all_faults++;
}

/* Time goes on from where it was saved, whatever the clock of who restored said then. */
static uint64_t ptw_idle_time(const struct ptw_idle *s, uint64_t now)
{
	return now > s->clock_from ? s->clock_at + (now - s->clock_from) : s->clock_at;
}

static int ptw_idle_due(void *state, uint64_t now, uint64_t resident)
{
	struct ptw_idle *s = state;
	const uint64_t step = resident / PTW_IDLE_STEPS + 1;

	now = ptw_idle_time(s, now);
	if (!s->started) {
		s->started = true;
		s->first = s->begun = now;
	}
	if (s->faults >= step)
		return 1;
	/* A clock that went back stands still until it is there again. */
	if (now <= s->begun || s->all_faults < resident)
		return 0;
	return (now - s->begun) / PTW_IDLE_PATIENCE >=
	       (now - s->first) / (s->all_faults / step + 1) + 1;
}

static void ptw_idle_aged(void *state, uint64_t now, uint64_t resident)
{
	struct ptw_idle *s = state;

	(void)resident;
	now = ptw_idle_time(s, now);
	s->faults = 0;
	s->begun = now > s->begun ? now : s->begun;
}

/* Times are counted from the first one. */
static uint64_t ptw_idle_save(void *state, const struct ptw_policy_image *image, uint8_t *to,
			      uint64_t size)
{
	const struct ptw_idle *s = state;
	const uint64_t now = ptw_idle_time(s, image->now);
	struct ptw_writer w = {.to = to, .size = size};

	ptw_put(&w, s->faults);
	ptw_put(&w, s->all_faults);
	ptw_put(&w, s->started);
	/* Ageing may have come before anybody asked whether it is due. */
	ptw_put(&w, s->started ? s->begun - s->first : 0);
	ptw_put(&w, s->started ? (now > s->begun ? now : s->begun) - s->first : 0);
	return w.bytes;
}

static int ptw_idle_restore(void *state, const struct ptw_policy_image *image, const uint8_t *from,
			    uint64_t bytes, bool commit)
{
	struct ptw_reader r = {.from = from, .end = bytes};
	struct ptw_idle *s = state, saved = {0};
	uint64_t started;

	saved.faults = ptw_get(&r);
	saved.all_faults = ptw_get(&r);
	started = ptw_get(&r);
	saved.begun = ptw_get(&r);
	saved.clock_at = ptw_get(&r);
	saved.started = started;
	saved.clock_from = started ? image->now : 0;
	if (r.error)
		return r.error;
	if (r.at != r.end || saved.all_faults > PTW_IDLE_MOST || saved.faults > saved.all_faults ||
	    started > 1 || saved.begun > saved.clock_at || (!started && saved.clock_at))
		return PTW_ERR_CORRUPT_BOUNDS;
	if (commit)
		*s = saved;
	return PTW_OK;
}

const struct ptw_policy_ops ptw_policy_idle_age = {
	.size = sizeof(ptw_policy_idle_age),
	.name = "idle-age",
	.init = ptw_idle_init,
	.exit = ptw_idle_exit,
	.added = ptw_idle_added,
	.due = ptw_idle_due,
	.aged = ptw_idle_aged,
	.save = ptw_idle_save,
	.restore = ptw_idle_restore,
};
