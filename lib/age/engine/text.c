/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The engine's generations as text, and commands. The format, and what commands mean, are those of Linux's lru_gen:
 * mm/vmscan.c and Documentation/admin-guide/mm/multigen_lru.rst, version 7.3.
 */
#include <ptw/engine_text.h>
#include <ptw/engine_tree.h>
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

/* The longest line has an id of 5 digits, and one with a slash for each group of a path. */
#define PTW_LINE_MAX (16u + 6 * PTW_GROUP_DEPTH)
/* Milliseconds are told up to this. */
#define PTW_AGE_MAX 0xffffffffu
/* Generations that no command evicts from: the youngest ones. */
#define PTW_GENERATIONS_SPARED 2u
/* The greatest swappiness: nothing but anonymous pages. */
#define PTW_SWAPPINESS_MAX 201u
/* None was given: the group's own balance. */
#define PTW_SWAPPINESS_OWN 202u

struct ptw_report {
	char *buffer;
	size_t size;
	size_t used;   /* of the buffer, without the 0 */
	size_t needed; /* by the whole text, without the 0 */
	char line[PTW_LINE_MAX];
	unsigned int n; /* characters of the line */
};

static void ptw_report_string(struct ptw_report *r, const char *s)
{
	while (*s)
		r->line[r->n++] = *s++;
}

/* A number, with blanks before it if it is shorter than `width`. */
static void ptw_report_number(struct ptw_report *r, uint64_t value, unsigned int width)
{
	unsigned int digits = 1;

	for (uint64_t rest = value; rest > 9; rest /= 10)
		digits++;
	for (; width > digits; width--)
		r->line[r->n++] = ' ';
	for (unsigned int i = digits; i--; value /= 10)
		r->line[r->n + i] = (char)('0' + value % 10);
	r->n += digits;
}

/* The line goes into the buffer if it and all before it have room, with a 0 behind. */
static void ptw_report_line(struct ptw_report *r)
{
	r->line[r->n++] = '\n';
	if (r->used == r->needed && r->n < r->size - r->used) {
		for (unsigned int i = 0; i < r->n; i++)
			r->buffer[r->used++] = r->line[i];
		r->buffer[r->used] = 0;
	}
	r->needed += r->n;
	r->n = 0;
}

/* Ids of a group and of those above it, from the top. Returns how many. With `changing` taken. */
static unsigned int ptw_group_path(const struct ptw_group *group, uint32_t path[PTW_GROUP_DEPTH])
{
	const unsigned int n = group->node.depth;

	for (unsigned int i = n; i--; group = group->node.parent)
		path[i] = ptw_group_id(group);
	return n;
}

static void ptw_report_group(struct ptw_report *r, const uint32_t *path, unsigned int n,
			     const struct ptw_group_state *state, const uint64_t *anon, uint64_t now)
{
	ptw_report_string(r, "memcg ");
	ptw_report_number(r, path[n - 1], 0);
	ptw_report_string(r, " ");
	for (unsigned int i = 0; i < n; i++) {
		ptw_report_string(r, "/");
		ptw_report_number(r, path[i], 0);
	}
	ptw_report_line(r);
	ptw_report_string(r, " node ");
	ptw_report_number(r, 0, 5);
	ptw_report_line(r);
	for (uint64_t i = 0; i <= state->youngest - state->oldest; i++) {
		const uint64_t seq = state->oldest + i;
		const uint64_t birth = state->birth[seq % PTW_GENERATIONS];
		const uint64_t age = now > birth ? now - birth : 0;
		const uint64_t pages = state->pages[seq % PTW_GENERATIONS];
		const uint64_t of_anon = anon[seq % PTW_GENERATIONS];

		ptw_report_string(r, " ");
		ptw_report_number(r, seq, 10);
		ptw_report_string(r, " ");
		ptw_report_number(r, age < PTW_AGE_MAX ? age : PTW_AGE_MAX, 10);
		ptw_report_string(r, " ");
		ptw_report_number(r, ptw_not_below(of_anon), 10);
		ptw_report_string(r, "  ");
		ptw_report_number(r, ptw_not_below(pages - of_anon), 10);
		ptw_report_string(r, " ");
		ptw_report_line(r);
	}
}

uint32_t ptw_group_id(const struct ptw_group *group)
{
	return group ? group->number + 1 : 0;
}

int ptw_engine_text(struct ptw_engine *engine, char *buffer, size_t size, size_t *needed)
{
	struct ptw_report r = {.buffer = buffer, .size = size};
	uint64_t now;

	if (!engine || (!buffer && size) || !needed)
		return PTW_ERR_ARG;
	if (size)
		*buffer = 0;
	now = engine->clock ? engine->clock(engine->context) : 0;
	for (uint32_t i = 0; i < engine->groups_max; i++) {
		struct ptw_group_state state = {.size = sizeof(state)};
		struct ptw_type_state anon = {.size = sizeof(anon)};
		uint32_t path[PTW_GROUP_DEPTH];
		const struct ptw_group *group;
		unsigned int n = 0;

		/* No group is freed while the flag is ours; others wait for one group's counters, not for all. */
		ptw_flag_take(&engine->changing);
		group = engine->group[i];
		if (group) {
			ptw_group_state(group, &state);
			ptw_group_type_state(group, PTW_TYPE_ANON, &anon);
			n = ptw_group_path(group, path);
		}
		ptw_flag_drop(&engine->changing);
		if (n)
			ptw_report_group(&r, path, n, &state, anon.pages, now);
	}
	*needed = r.needed + 1;
	return r.needed < size ? PTW_OK : PTW_ERR_SIZE;
}

/* What is left to read of a command. */
struct ptw_reader {
	const char *at;
	const char *end;
};

struct ptw_command {
	char what;
	uint64_t id;
	uint64_t node;
	uint64_t seq;
	uint64_t swappiness;
	uint64_t option; /* nr, or force_scan */
};

/* False: nothing but blanks was left. */
static bool ptw_read_blanks(struct ptw_reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || (*r->at >= '\t' && *r->at <= '\r')))
		r->at++;
	return r->at < r->end;
}

static bool ptw_read_number(struct ptw_reader *r, uint64_t *value)
{
	if (!ptw_read_blanks(r) || *r->at < '0' || *r->at > '9')
		return false;
	for (*value = 0; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
		const uint64_t digit = (uint64_t)(*r->at - '0');

		if (*value > (UINT64_MAX - digit) / 10)
			return false;
		*value = 10 * *value + digit;
	}
	return true;
}

static bool ptw_read_swappiness(struct ptw_reader *r, uint64_t *value)
{
	if (r->end - r->at >= 3 && r->at[0] == 'm' && r->at[1] == 'a' && r->at[2] == 'x') {
		r->at += 3;
		*value = PTW_SWAPPINESS_MAX;
	} else if (!ptw_read_number(r, value) || *value > PTW_SWAPPINESS_MAX) {
		return false;
	}
	return r->at == r->end || *r->at == ' ' || (*r->at >= '\t' && *r->at <= '\r');
}

/* One command, with nothing behind it. */
static bool ptw_read_command(struct ptw_reader *r, struct ptw_command *c)
{
	c->what = *r->at++;
	c->swappiness = PTW_SWAPPINESS_OWN;
	c->option = UINT64_MAX;
	if (!ptw_read_number(r, &c->id) || !ptw_read_number(r, &c->node) ||
	    !ptw_read_number(r, &c->seq))
		return false;
	if (!ptw_read_blanks(r))
		return true;
	if (!ptw_read_swappiness(r, &c->swappiness))
		return false;
	if (!ptw_read_blanks(r))
		return true;
	return ptw_read_number(r, &c->option) && !ptw_read_blanks(r);
}

static int ptw_command_age(struct ptw_group *group, const struct ptw_command *c)
{
	int ret;

	/* Relaxed: the number alone is used. */
	if (c->seq > ptw_port_load(&group->youngest))
		return PTW_ERR_ARG;
	ret = ptw_group_age(group);
	return ret == PTW_ERR_AGAIN ? PTW_ERR_EXISTS : ret;
}

/* How many pages of a type were last seen used before a tick, which is not in the future; 0 if that
 * cannot be told any more. */
static uint64_t ptw_type_older(const struct ptw_group *group, const struct ptw_type *type,
			       uint64_t tick)
{
	/* Relaxed, as all counters: how many to ask for, not which. */
	const uint64_t now = ptw_port_load(&group->tick);
	const uint8_t byte = ptw_tick_byte(now);
	uint64_t pages = ptw_port_load(&type->count[0]);

	if (now - tick > PTW_OLD_TICKS)
		return 0;
	for (uint64_t age = now - tick + 1; age < PTW_TICKS; age++)
		pages += ptw_port_load(&type->count[ptw_age_byte(byte, (unsigned int)age)]);
	return (int64_t)pages > 0 ? pages : 0;
}

/* What swappiness makes of a group's balance: anonymous pages against all others. */
static uint64_t ptw_command_balance(const struct ptw_group *group, uint64_t swappiness)
{
	const uint64_t others = swappiness < PTW_BALANCE_MAX ? PTW_BALANCE_MAX - swappiness : 0;

	if (swappiness == PTW_SWAPPINESS_OWN)
		return ptw_port_load(&group->balance);
	/* At 200 others may go, but come last: the least weight that there is. */
	return (swappiness < PTW_BALANCE_MAX ? swappiness : PTW_BALANCE_MAX) |
	       (swappiness == PTW_BALANCE_MAX ? 1 : others) * (uint64_t)0x01010100;
}

/* The type that a command takes from next, of those that have pages it means; how many it has. PTW_TYPES: none. */
static uint32_t ptw_command_type(const struct ptw_group *group, uint64_t balance, uint64_t end,
				 uint64_t *older)
{
	uint64_t types = 0, have[PTW_TYPES] = {0};
	uint32_t type;
	int age;

	for (uint32_t t = 0; t < PTW_TYPES; t++) {
		/* Acquire; partner: the release in ptw_type_enter(). */
		if (!(ptw_port_load_table(&group->types) >> t & 1) || !(balance >> 8 * t & 0xff))
			continue;
		have[t] = ptw_type_older(group, group->type[t], end);
		types |= (uint64_t)(have[t] != 0) << t;
	}
	type = ptw_type_pick(group, balance, types, 0, NULL, &age);
	*older = type < PTW_TYPES ? have[type] : 0;
	return type;
}

/*
 * Which pages are meant is told by the tick at which the last generation meant ended, since others may age, and then
 * the oldest generation joins the next one.
 */
static int ptw_command_evict(struct ptw_group *group, const struct ptw_command *c)
{
	/* Acquire: the births of generations before it; partner: the release in ptw_generation_begin(). */
	const uint64_t youngest = ptw_port_load_table(&group->youngest);
	const uint64_t balance = ptw_command_balance(group, c->swappiness);
	uint64_t end, want, gone = 1, left = c->option;
	int ret = PTW_OK;

	if (c->seq > youngest || youngest - c->seq < PTW_GENERATIONS_SPARED)
		return PTW_ERR_ARG;
	/* Relaxed: the number alone is used. */
	if (c->seq < ptw_port_load(&group->oldest))
		return PTW_OK;
	/*
	 * Acquire: should it be the birth of a younger one, which took the place, then the youngest read next is at
	 * least the one before that. Partner: the release of the birth in ptw_generation_begin().
	 */
	end = ptw_port_load_table(&group->birth_tick[(c->seq + 1) % PTW_GENERATIONS]);
	if (ptw_port_load(&group->youngest) - c->seq >= PTW_GENERATIONS)
		return PTW_OK;
	while (left && gone && !ret) {
		struct ptw_evict_sum sum = {0};
		/* Relaxed: should it go on, that is one tick more. While the group is aged, counters are too large. */
		const uint64_t age = ptw_port_load(&group->tick) - end + 1;
		const uint32_t type = ptw_command_type(group, balance, end, &want);

		if (type == PTW_TYPES)
			break;
		want = want < PTW_EVICT_BATCH ? want : PTW_EVICT_BATCH;
		ret = ptw_evict_some(group, age < PTW_TICKS ? (unsigned int)age : PTW_TICKS,
				     PTW_EVICT_AS_IS | PTW_EVICT_ANY_AGE | PTW_EVICT_OF(type),
				     want < left ? want : left, &sum);
		gone = sum.gone;
		left -= gone;
	}
	return ret;
}

static int ptw_command_run(struct ptw_engine *engine, struct ptw_reader *r)
{
	struct ptw_group *group;
	struct ptw_command c;
	int ret = PTW_ERR_ARG;

	if (!ptw_read_command(r, &c) || c.node)
		return PTW_ERR_ARG;
	group = ptw_group_use(engine, c.id);
	if (!group)
		return PTW_ERR_ARG;
	if (c.what == '+')
		ret = ptw_command_age(group, &c);
	else if (c.what == '-')
		ret = ptw_command_evict(group, &c);
	ptw_group_leave(group);
	return ret;
}

int ptw_engine_command(struct ptw_engine *engine, const char *text, size_t length, size_t *done)
{
	int ret = PTW_ERR_ARG; /* there is no command */

	if (!engine || !text || !done)
		return PTW_ERR_ARG;
	*done = 0;
	for (size_t next = 0; next < length;) {
		struct ptw_reader r = {.at = text + next};

		while (next < length && text[next] != ',' && text[next] != ';' &&
		       text[next] != '\n')
			next++;
		r.end = text + next;
		next += next < length;
		if (!ptw_read_blanks(&r))
			continue;
		ret = ptw_command_run(engine, &r);
		if (ret)
			return ret;
		*done = next;
	}
	if (!ret)
		*done = length;
	return ret;
}
