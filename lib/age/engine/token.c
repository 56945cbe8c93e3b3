/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What is known of a page that was evicted, when it comes back: by the bytes under its number, or by a token.
 *
 * A token has a check of 8 bits, the type (2), uses (3), which group (19), and the sequence number
 * of the generation that the page went from (32). The bytes of an evicted page have its uses, and
 * the sequence number modulo 255.
 */
#include <ptw/error.h>

#include "lib/age/engine/engine.h"

#define PTW_TOKEN_TYPE_LG2     8u
#define PTW_TOKEN_USES_LG2     10u
#define PTW_TOKEN_SERIAL_LG2   13u
#define PTW_TOKEN_SERIAL_MASK  0x7ffffu
#define PTW_TOKEN_SEQUENCE_LG2 32u
#define PTW_USES_MAX	       (PTW_PAGE_USES / PTW_PAGE_USE)

struct ptw_refault {
	uint32_t type;
	unsigned int uses;
	bool recent; /* the generation that it went from would be there yet */
};

/* 0 does not fit to a token of zeroes. */
static uint64_t ptw_token_check(uint64_t token)
{
	return ((token >> 8) * 0x9e3779b97f4a7c15u >> 56) ^ 0xa5;
}

/* How many generations have begun since an evicted page's one; 255: cannot be told. */
static unsigned int ptw_generations_since(const struct ptw_owned *o, unsigned int i)
{
	/* Relaxed: the number alone is used. */
	return ptw_tick_age(ptw_tick_byte(ptw_port_load(&o->group->youngest)), o->tick[i]);
}

void ptw_page_judged(struct ptw_owned *o, unsigned int i)
{
	if (o->tick)
		o->tick[i] = ptw_tick_byte(ptw_page_sequence(o, i));
	ptw_port_add64(&o->type->tier[ptw_page_tier(o->state[i])].evicted, 1);
}

int ptw_page_token(struct ptw_engine *engine, uint64_t page, uint64_t *token)
{
	uint64_t sequence, t;
	struct ptw_owned o;
	unsigned int i;
	uint8_t state;
	int ret;

	if (!token)
		return PTW_ERR_ARG;
	if (engine && engine->ordered)
		return PTW_ERR_UNSUPPORTED;
	ret = ptw_page_own(engine, page, &o, &i);
	if (ret)
		return ret;
	state = o.state[i];
	if (state & PTW_PAGE_EVICTED)
		sequence = ptw_port_load(&o.group->youngest) - ptw_generations_since(&o, i);
	else if (!(state & PTW_PAGE_RESIDENT))
		ret = PTW_ERR_ABSENT;
	else if (!(state & PTW_PAGE_ISOLATED))
		ret = PTW_ERR_EXISTS;
	else
		sequence = ptw_page_sequence(&o, i);
	if (!ret) {
		t = (uint64_t)PTW_CONTROL_TYPE(o.control) << PTW_TOKEN_TYPE_LG2;
		t |= (uint64_t)((state & PTW_PAGE_USES) / PTW_PAGE_USE) << PTW_TOKEN_USES_LG2;
		t |= (uint64_t)(o.group->serial & PTW_TOKEN_SERIAL_MASK) << PTW_TOKEN_SERIAL_LG2;
		t |= sequence << PTW_TOKEN_SEQUENCE_LG2;
		*token = t | ptw_token_check(t);
		ptw_feedback_begin(o.group);
	}
	ptw_region_leave(&o);
	return ret;
}

/* False: it is no token of this group. */
static bool ptw_token_read(const struct ptw_group *group, uint64_t token, struct ptw_refault *r)
{
	const uint32_t youngest = (uint32_t)ptw_port_load(&group->youngest);

	r->type = (uint32_t)(token >> PTW_TOKEN_TYPE_LG2) & (PTW_TYPES - 1);
	r->uses = (unsigned int)(token >> PTW_TOKEN_USES_LG2) & PTW_USES_MAX;
	r->recent = youngest - (uint32_t)(token >> PTW_TOKEN_SEQUENCE_LG2) < PTW_GENERATIONS;
	return (token & 0xff) == ptw_token_check(token) &&
	       ((token >> PTW_TOKEN_SERIAL_LG2 ^ group->serial) & PTW_TOKEN_SERIAL_MASK) == 0 &&
	       /* Acquire; partner: the release in ptw_type_enter(). */
	       (ptw_port_load_table(&group->types) >> r->type & 1);
}

uint8_t ptw_page_refaulted(struct ptw_owned *o, unsigned int i, const uint64_t *token)
{
	struct ptw_group *group = o->group;
	struct ptw_refault r = {0};

	if (token) {
		if (!o->tick || !ptw_token_read(group, *token, &r))
			return 0;
		ptw_feedback_begin(group);
	}
	ptw_port_add64(&group->refaults, 1);
	/* Relaxed: it is switched on once, and counters begin about then. */
	if (!o->tick || !ptw_port_load(&group->feedback))
		return 0;
	if (!token) {
		r.type = PTW_CONTROL_TYPE(o->control);
		r.uses = (o->state[i] & PTW_PAGE_USES) / PTW_PAGE_USE;
		r.recent = ptw_generations_since(o, i) < PTW_GENERATIONS;
	}
	if (!r.recent)
		return 0;
	ptw_port_add64(&group->type[r.type]
				->tier[ptw_page_tier((uint8_t)(r.uses * PTW_PAGE_USE))]
				.refaulted,
		       1);
	/* Coming back is a use, too. */
	r.uses += r.uses < PTW_USES_MAX;
	return (uint8_t)(r.uses * PTW_PAGE_USE);
}

int ptw_page_add_token(struct ptw_engine *engine, uint64_t page, uint64_t token)
{
	return ptw_page_come(engine, page, &token);
}
