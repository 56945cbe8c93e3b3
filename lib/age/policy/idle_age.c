/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Idle age: the engine's own order, aged in steps. A step ends when a 32nd of memory has come in; and, so that ages
 * go on where nothing comes in any more, after four times as long as that has taken on average.
 */
#include <ptw/error.h>
#include <ptw/policy.h>
#include <ptw/port.h>

#define PTW_IDLE_STEPS	  32u
#define PTW_IDLE_PATIENCE 4u

struct ptw_idle {
	uint64_t faults; /* since the step began */
	uint64_t all_faults;
	uint64_t begun; /* when the step began */
	uint64_t first; /* when the first one did */
	bool started;
};

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

static int ptw_idle_due(void *state, uint64_t now, uint64_t resident)
{
	struct ptw_idle *s = state;
	const uint64_t step = resident / PTW_IDLE_STEPS + 1;

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
	s->faults = 0;
	s->begun = now > s->begun ? now : s->begun;
}

const struct ptw_policy_ops ptw_policy_idle_age = {
	.size = sizeof(ptw_policy_idle_age),
	.name = "idle-age",
	.init = ptw_idle_init,
	.exit = ptw_idle_exit,
	.added = ptw_idle_added,
	.due = ptw_idle_due,
	.aged = ptw_idle_aged,
};
