/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What an engine may do, switched while it runs. */
#include <ptw/engine_enable.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

int ptw_engine_min_age(struct ptw_engine *engine, uint64_t age)
{
	if (!engine)
		return PTW_ERR_ARG;
	ptw_port_publish(&engine->min_age, age);
	return PTW_OK;
}

int ptw_engine_enable(struct ptw_engine *engine, uint32_t bits)
{
	if (!engine || (bits & ~(uint32_t)PTW_ENABLE_ALL))
		return PTW_ERR_ARG;
	ptw_port_publish(&engine->disabled, PTW_ENABLE_ALL & ~bits);
	return PTW_OK;
}

uint32_t ptw_engine_enabled(const struct ptw_engine *engine)
{
	if (!engine)
		return 0;
	return PTW_ENABLE_ALL & ~(uint32_t)ptw_port_load(&engine->disabled);
}

/* The engine's clock, which stands still where the one it reads goes back. */
static uint64_t ptw_engine_latest(struct ptw_engine *engine)
{
	const uint64_t now = ptw_engine_now(engine);
	uint64_t latest = ptw_port_load(&engine->latest);

	while (now > latest)
		if (ptw_port_cas(&engine->latest, &latest, now))
			return now;
	return latest;
}

bool ptw_group_too_young(const struct ptw_group *group)
{
	/* Relaxed, all of them: should a generation begin meanwhile, this is about one next to it. */
	const uint64_t min_age = ptw_port_load(&group->engine->min_age);
	uint64_t sizes[PTW_GENERATIONS], now, birth, seq;
	unsigned int n, i = 0;

	if (!min_age)
		return false;
	now = ptw_engine_latest(group->engine);
	seq = ptw_port_load(&group->youngest);
	n = ptw_group_sizes(group, sizes);
	while (i < n && (int64_t)sizes[i] <= 0)
		i++;
	if (i == n)
		return false;
	seq -= n - 1 - i;
	birth = ptw_port_load(&group->birth[seq % PTW_GENERATIONS]);
	return now < birth || now - birth < min_age;
}

unsigned int ptw_group_old_enough(const struct ptw_group *group)
{
	/* Relaxed, as above, but for births, which are those of the youngest and before. */
	const uint64_t min_age = ptw_port_load(&group->engine->min_age);
	uint64_t seq, now, tick;

	if (!min_age)
		return 0;
	now = ptw_engine_latest(group->engine);
	/* Acquire; partner: the release in ptw_generation_begin(), behind the birth. */
	seq = ptw_port_load_table(&group->youngest);
	tick = ptw_port_load(&group->tick);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++, seq--) {
		const uint64_t birth = ptw_port_load(&group->birth[seq % PTW_GENERATIONS]);
		uint64_t end;

		if (now < birth || now - birth < min_age)
			continue;
		if (!i)
			return 0;
		/* The last tick of this generation is the one before the birth of the next. */
		end = ptw_port_load(&group->birth_tick[(seq + 1) % PTW_GENERATIONS]) - 1;
		return tick - end < PTW_TICKS ? (unsigned int)(tick - end) : PTW_TICKS;
	}
	return PTW_TICKS + 1;
}

int ptw_group_interval(struct ptw_group *group, uint64_t interval)
{
	if (!group)
		return PTW_ERR_ARG;
	ptw_port_publish(&group->interval, interval);
	return PTW_OK;
}

void ptw_group_aged_now(struct ptw_group *group)
{
	ptw_port_publish(&group->aged_at, ptw_engine_latest(group->engine));
}

bool ptw_group_overdue(struct ptw_group *group)
{
	/* Relaxed: an ageing that begins meanwhile is as good. */
	const uint64_t interval = ptw_port_load(&group->interval);
	uint64_t at, now;

	if (!interval)
		return false;
	at = ptw_port_load(&group->aged_at);
	now = ptw_engine_latest(group->engine);
	return now > at && now - at >= interval;
}

int ptw_engine_thrashes(struct ptw_engine *engine, struct ptw_group *group)
{
	ptw_port_trace(thrashing, group ? group->number + 1 : 0, ptw_port_load(&engine->min_age), 0);
	if (engine->thrashing)
		engine->thrashing(engine->context, group);
	return PTW_ERR_THRASHING;
}
