/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Regions: who owns one takes in what harvests left there, and keeps its pages in order. */
#include "lib/age/engine/engine.h"

/* One bit for each of the 64 pages that is resident and not being evicted. Those behind the last are absent. */
static uint64_t ptw_region_live(const struct ptw_owned *o)
{
	const uint64_t ones = 0x0101010101010101u;
	uint64_t live = 0;

	for (unsigned int i = 0; i < PTW_REGION_PAGES; i += 8) {
		uint64_t v;

		__builtin_memcpy(&v, o->state + i, sizeof(v));
		/* The lowest bit of each byte: resident, and not (one higher) isolated. */
		v = v & ~(v >> 1) & ones;
		/* Gathers them, the first page in the lowest bit. */
		live |= (v * 0x0102040810204080u >> 56) << i;
	}
	return live;
}

/* The oldest page that is resident and not being evicted: its age, or -1 if there is none. */
static int ptw_region_oldest(const struct ptw_owned *o)
{
	uint8_t used = 0, oldest = 0;

	for (unsigned int i = 0; i < o->pages; i++) {
		const uint8_t byte = o->tick[i], state = o->state[i];
		/* Modulo 256, less one where the difference runs over; 0 is as old as can be. */
		uint8_t age = (uint8_t)(o->now - byte - (byte > o->now));
		const bool live =
			(state & (PTW_PAGE_RESIDENT | PTW_PAGE_ISOLATED)) == PTW_PAGE_RESIDENT;

		age = byte ? age : PTW_TICKS;
		age = live ? age : 0;
		oldest = age > oldest ? age : oldest;
		used |= live;
	}
	return used ? oldest : -1;
}

void ptw_page_mark(struct ptw_owned *o, unsigned int i, uint8_t byte)
{
	uint64_t *count = o->type->count;

	if (o->tick[i] == byte)
		return;
	ptw_port_add64(&count[o->tick[i]], (uint64_t)-1);
	ptw_port_add64(&count[byte], 1);
	o->tick[i] = byte;
}

/* A policy orders the pages: it is told which were young. */
static void ptw_region_tell(struct ptw_owned *o, uint64_t young)
{
	uint64_t pages = 0;

	for (uint64_t rest = young; rest; rest &= rest - 1)
		pages++;
	ptw_policy_accessed(o, young);
	ptw_port_add64(&o->group->aged, pages);
	ptw_port_add64(&o->group->words, 1);
}

/* What harvests found makes pages young. Pages with one byte are moved by one addition. */
static void ptw_region_take_in(struct ptw_owned *o)
{
	uint64_t *count = o->type->count;
	uint64_t young;
	unsigned int moved = 0, alike = 0;
	uint8_t byte = 0;

	/* Relaxed: only bits. */
	if (!ptw_port_load(&o->region->young))
		return;
	young = ptw_port_xchg(&o->region->young, 0) & ptw_region_live(o);
	if (!ptw_engine_may(o->engine, PTW_ENABLE_CORE))
		return;
	if (o->engine->ordered) {
		ptw_region_tell(o, young);
		return;
	}
	for (; young; young &= young - 1) {
		const unsigned int i = (unsigned int)__builtin_ctzll(young);

		if (o->tick[i] == o->now)
			continue;
		if (o->tick[i] != byte) {
			if (alike)
				ptw_port_add64(&count[byte], -(uint64_t)alike);
			alike = 0;
		}
		byte = o->tick[i];
		o->tick[i] = o->now;
		alike++;
		moved++;
	}
	if (alike)
		ptw_port_add64(&count[byte], -(uint64_t)alike);
	if (moved) {
		ptw_port_add64(&count[o->now], moved);
		ptw_port_add64(&o->group->aged, moved);
	}
	ptw_port_add64(&o->group->words, 1);
}

/* All 64 pages of a region are young and had one tick, as pages that are always young have: eight at a time. */
static bool ptw_region_all_alike(struct ptw_owned *o, struct ptw_tally *tally)
{
	const uint64_t ones = 0x0101010101010101u;
	const uint64_t old = o->tick[0] * ones, now = o->now * ones;
	uint64_t other = 0, v;

	for (unsigned int i = 0; i < PTW_REGION_PAGES; i += 8) {
		__builtin_memcpy(&v, o->tick + i, sizeof(v));
		other |= v ^ old;
	}
	if (other)
		return false;
	tally->left[o->tick[0]] += PTW_REGION_PAGES;
	tally->moved += PTW_REGION_PAGES;
	for (unsigned int i = 0; i < PTW_REGION_PAGES; i += 8)
		__builtin_memcpy(o->tick + i, &now, sizeof(now));
	return true;
}

/* The same while the group is aged: counted in the tally of who ages it. */
static void ptw_region_tally_in(struct ptw_owned *o, struct ptw_tally *tally)
{
	const uint8_t now = o->now;
	uint64_t young = ptw_port_xchg(&o->region->young, 0) & ptw_region_live(o);

	if (o->engine->ordered) {
		ptw_region_tell(o, young);
		return;
	}
	tally->words++;
	if (!young)
		return;
	/* The clock may go on in the middle of a pass. And each of its counters has room for all that were moved. */
	if (tally->now != now || tally->moved > ~0u - PTW_REGION_PAGES)
		ptw_tally_flush(o->group, tally);
	tally->now = now;
	if (!(young + 1) && ptw_region_all_alike(o, tally))
		return;
	for (; young; young &= young - 1) {
		uint8_t *tick = o->tick + (unsigned int)__builtin_ctzll(young);

		tally->left[*tick]++;
		*tick = now;
		tally->moved++;
	}
}

void ptw_tally_flush(struct ptw_group *group, struct ptw_tally *tally)
{
	/* Those that had the present tick before have it still. */
	const uint64_t stayed = tally->left[tally->now];

	ptw_port_trace(promote, group->number + 1, tally->words, tally->moved);
	tally->left[tally->now] = 0;
	for (unsigned int i = 0; tally->moved && i < 256; i++)
		if (tally->left[i]) {
			ptw_port_add64(&tally->count[i], -(uint64_t)tally->left[i]);
			tally->left[i] = 0;
		}
	if (tally->moved != stayed) {
		ptw_port_add64(&tally->count[tally->now], tally->moved - stayed);
		ptw_port_add64(&group->aged, tally->moved - stayed);
	}
	if (tally->words)
		ptw_port_add64(&group->words, tally->words);
	tally->moved = tally->words = 0;
}

void ptw_region_retire(struct ptw_owned *o)
{
	for (unsigned int i = 0; i < o->pages; i++) {
		if (!o->tick[i] || ptw_tick_age(o->now, o->tick[i]) <= PTW_OLD_TICKS)
			continue;
		if ((o->state[i] & (PTW_PAGE_RESIDENT | PTW_PAGE_ISOLATED)) == PTW_PAGE_RESIDENT) {
			ptw_page_mark(o, i, 0);
			ptw_region_bound(o, 0);
		} else if (!(o->state[i] & PTW_PAGE_EVICTED)) {
			o->tick[i] = 0;
		}
	}
}

/* Own it, nothing more. */
static bool ptw_region_claim(struct ptw_engine *engine, uint64_t number, bool wait,
			     struct ptw_owned *o)
{
	struct ptw_region *region = &engine->region[number];
	uint64_t control = ptw_port_load(&region->control);

	for (;;) {
		if (!PTW_CONTROL_GROUP(control))
			return false;
		/* Acquire; partner: the release in ptw_region_leave(), by who owned it before. */
		if (!(control & PTW_CONTROL_OWNED) &&
		    ptw_port_cas(&region->control, &control, control | PTW_CONTROL_OWNED))
			break;
		if (control & PTW_CONTROL_OWNED) {
			if (!wait)
				return false;
			ptw_port_relax();
			control = ptw_port_load(&region->control);
		}
	}
	o->engine = engine;
	o->region = region;
	/* Nobody can take the group away: he would have to own this region. */
	o->group = engine->group[PTW_CONTROL_GROUP(control) - 1];
	o->type = o->group->type[PTW_CONTROL_TYPE(control)];
	o->number = number;
	o->control = control;
	o->tick = engine->ordered ? NULL : engine->tick + number * PTW_REGION_PAGES;
	o->state = engine->state + number * PTW_REGION_PAGES;
	o->pages = number == engine->regions - 1 ?
			   (unsigned int)(engine->pages - number * PTW_REGION_PAGES) :
			   PTW_REGION_PAGES;
	/* Relaxed: it may go on meanwhile, but not past PTW_TURNS ticks: then this region's turn comes. */
	o->at = ptw_port_load(&o->group->tick);
	o->now = ptw_tick_byte(o->at);
	return true;
}

static bool ptw_bound_is_old(const struct ptw_owned *o)
{
	return (o->control & PTW_CONTROL_USED) &&
	       ptw_tick_age(o->now, (uint8_t)PTW_CONTROL_BOUND(o->control)) > PTW_OLD_TICKS;
}

bool ptw_region_own(struct ptw_engine *engine, uint64_t number, bool wait, struct ptw_owned *o)
{
	if (!ptw_region_claim(engine, number, wait, o))
		return false;
	ptw_region_take_in(o);
	if (ptw_bound_is_old(o))
		ptw_region_retire(o);
	return true;
}

void ptw_region_age(struct ptw_engine *engine, uint64_t number, struct ptw_tally *tally)
{
	struct ptw_owned o;

	if (!ptw_region_claim(engine, number, true, &o))
		return;
	ptw_region_tally_in(&o, tally);
	ptw_region_leave(&o);
}

void ptw_region_bound(struct ptw_owned *o, uint8_t byte)
{
	if ((o->control & PTW_CONTROL_USED) &&
	    ptw_tick_age(o->now, (uint8_t)PTW_CONTROL_BOUND(o->control)) >=
		    ptw_tick_age(o->now, byte))
		return;
	o->control = (o->control & PTW_CONTROL_WHOSE) | PTW_CONTROL_USED | (uint64_t)byte << 16;
}

void ptw_region_rebound(struct ptw_owned *o)
{
	const int oldest = ptw_region_oldest(o);

	o->control &= PTW_CONTROL_WHOSE;
	if (oldest == (int)PTW_TICKS)
		ptw_region_bound(o, 0);
	else if (oldest >= 0)
		/* Back from an age to the byte. */
		ptw_region_bound(o, (uint8_t)(o->now > oldest ? o->now - oldest :
								o->now + (int)PTW_TICKS - oldest));
}

void ptw_region_leave(struct ptw_owned *o)
{
	/* Release; partner: the acquire in ptw_region_claim(). */
	ptw_port_publish(&o->region->control, o->control);
}
