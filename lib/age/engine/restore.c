/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Bytes become an engine. They are read twice by the same functions: once to check everything, then, when nothing can
 * fail any more, to fill the groups. Nobody else uses the engine, so plain stores to the groups do.
 */
#include <ptw/engine_save.h>
#include <ptw/error.h>

#include "lib/age/engine/image.h"

/* What the header says. */
struct ptw_image_head {
	struct ptw_reader parts; /* what is behind it */
	uint64_t groups;
	uint64_t enabled; /* since version 2, as the next one */
	uint64_t min_age;
	unsigned int version;
};

/* A group's part of an image, and whose it is here. */
struct ptw_image_part {
	const uint8_t *record;
	const uint8_t *span;
	const uint8_t *judged;
	uint64_t judged_words;
	const uint8_t *policy;
	uint64_t policy_bytes;
	struct ptw_reader runs;
	struct ptw_group *group;
	uint64_t first;
	unsigned int version;
};

static uint64_t ptw_word(const struct ptw_image_part *part, unsigned int word)
{
	return ptw_image_get(part->record + 8 * (uint64_t)word);
}

/* The policy is told by its name; version 1 had those alone that keep the engine's order. */
static int ptw_image_name(const struct ptw_engine *engine, const uint8_t *from, unsigned int version)
{
	const char *name = engine->policy->name;

	if (version == 1)
		return engine->ordered ? PTW_ERR_POLICY : PTW_OK;
	for (unsigned int i = 0; i < PTW_IMAGE_NAME_MAX; i++)
		if (from[PTW_IMAGE_NAME + i] != (*name ? (uint8_t)*name++ : 0))
			return PTW_ERR_POLICY;
	return PTW_OK;
}

/* What holds for images of all versions, then this one's header. */
static int ptw_image_open(const struct ptw_engine *engine, const uint8_t *from, uint64_t size,
			  struct ptw_image_head *head)
{
	uint64_t bytes, version, end;

	if (size < PTW_IMAGE_HEADER_1 + PTW_IMAGE_CHECKSUM)
		return PTW_ERR_CORRUPT_BOUNDS;
	if (ptw_image_get(from) != PTW_IMAGE_MAGIC)
		return PTW_ERR_CORRUPT_RESERVED;
	bytes = ptw_image_get(from + 8);
	if (bytes > size || bytes % 8 || bytes < PTW_IMAGE_HEADER_1 + PTW_IMAGE_CHECKSUM)
		return PTW_ERR_CORRUPT_BOUNDS;
	end = bytes - PTW_IMAGE_CHECKSUM;
	if (ptw_image_get(from + end) != ptw_image_checksum(from, end))
		return PTW_ERR_CORRUPT_RESERVED;
	*head = (struct ptw_image_head){.parts = {.from = from, .end = end}};
	version = ptw_image_get(from + 16);
	if (version == (1 | (uint64_t)PTW_IMAGE_HEADER_1 << 32)) {
		head->version = 1;
		head->parts.at = PTW_IMAGE_HEADER_1;
	} else if (version == (PTW_IMAGE_VERSION | (uint64_t)PTW_IMAGE_HEADER << 32)) {
		head->version = PTW_IMAGE_VERSION;
		head->parts.at = PTW_IMAGE_HEADER;
	} else {
		return PTW_ERR_UNSUPPORTED;
	}
	if (end < head->parts.at)
		return PTW_ERR_CORRUPT_BOUNDS;
	if (ptw_image_get(from + 24) != engine->pages)
		return PTW_ERR_CONFIG;
	head->groups = ptw_image_get(from + 32);
	if (head->version > 1) {
		head->enabled = ptw_image_get(from + 40);
		head->min_age = ptw_image_get(from + 48);
		if (head->enabled & ~(uint64_t)PTW_ENABLE_ALL)
			return PTW_ERR_CORRUPT_RESERVED;
	}
	return ptw_image_name(engine, from, head->version);
}

/* The group that has these spans, no more and no less. */
static int ptw_part_group(const struct ptw_engine *engine, struct ptw_image_part *part,
			  unsigned int version)
{
	uint64_t spans = ptw_word(part, PTW_IMAGE_SPANS);
	const uint8_t *at = part->span;

	part->first = ptw_image_get(at);
	if (part->first >= engine->regions)
		return PTW_ERR_CORRUPT_BOUNDS;
	part->group = ptw_image_group(engine, part->first);
	if (!part->group)
		return PTW_ERR_CONFIG;
	for (const struct ptw_span *span = part->group->spans; span; span = span->next) {
		if (!spans || ptw_image_get(at) != span->first ||
		    ptw_image_get(at + 8) !=
			    (span->regions |
			     (version > 1 ? (uint64_t)span->type << PTW_IMAGE_TYPE_LG2 : 0)))
			return PTW_ERR_CONFIG;
		spans--;
		at += PTW_IMAGE_SPAN;
	}
	return spans ? PTW_ERR_CONFIG : PTW_OK;
}

/* A group without regions is told by those below it: it is the one whose place this is. */
static int ptw_part_above(struct ptw_group *expected, struct ptw_image_part *part)
{
	if (!expected || expected->spans)
		return PTW_ERR_CONFIG;
	part->group = expected;
	return PTW_OK;
}

/* The next part, for the group `expected` in an engine like that which was saved. Lengths are checked here. */
static int ptw_part_next(const struct ptw_engine *engine, struct ptw_image_head *head,
			 struct ptw_group *expected, struct ptw_image_part *part)
{
	const unsigned int words = head->version == 1 ? PTW_IMAGE_FIELDS_END : PTW_IMAGE_WORDS;
	struct ptw_reader *r = &head->parts;
	uint64_t left = r->end - r->at, spans, runs;

	if (left < 8 * (uint64_t)words)
		return PTW_ERR_CORRUPT_BOUNDS;
	left -= 8 * (uint64_t)words;
	part->version = head->version;
	part->record = r->from + r->at;
	part->span = part->record + 8 * (uint64_t)words;
	spans = ptw_word(part, PTW_IMAGE_SPANS);
	if ((!spans && head->version == 1) || spans > left / PTW_IMAGE_SPAN)
		return PTW_ERR_CORRUPT_BOUNDS;
	left -= spans * PTW_IMAGE_SPAN;
	/* What is left is a multiple of 8, so the zeroes behind policy and runs fit in, too. */
	part->judged = part->span + spans * PTW_IMAGE_SPAN;
	part->judged_words = head->version == 1 ? 0 : ptw_word(part, PTW_IMAGE_JUDGED);
	if ((part->judged_words && part->judged_words != PTW_IMAGE_TIERS) ||
	    part->judged_words > left / 8)
		return PTW_ERR_CORRUPT_BOUNDS;
	left -= 8 * part->judged_words;
	part->policy = part->judged + 8 * part->judged_words;
	part->policy_bytes = head->version == 1 ? 0 : ptw_word(part, PTW_IMAGE_POLICY);
	if (part->policy_bytes > left)
		return PTW_ERR_CORRUPT_BOUNDS;
	left -= (part->policy_bytes + 7) / 8 * 8;
	runs = ptw_word(part, PTW_IMAGE_RUNS);
	if (runs > left)
		return PTW_ERR_CORRUPT_BOUNDS;
	part->runs = (struct ptw_reader){
		.from = part->policy + (part->policy_bytes + 7) / 8 * 8, .end = runs};
	r->at = r->end - left + (runs + 7) / 8 * 8;
	return spans ? ptw_part_group(engine, part, head->version) : ptw_part_above(expected, part);
}

static int ptw_run_next(const struct ptw_engine *engine, struct ptw_reader *r,
			struct ptw_image_run *run, unsigned int version)
{
	const uint64_t v = ptw_get_small(r);
	unsigned int last = PTW_OLD_TICKS;

	if (r->error)
		return r->error;
	run->length = v >> PTW_IMAGE_KIND_LG2;
	run->kind = (uint8_t)(v & ((1u << PTW_IMAGE_KIND_LG2) - 1));
	run->age = 0;
	if (!run->length || run->kind >= PTW_IMAGE_KINDS)
		return PTW_ERR_CORRUPT_RESERVED;
	if (run->kind == PTW_IMAGE_ABSENT || engine->ordered)
		return PTW_OK;
	run->age = ptw_get_byte(r);
	if (r->error)
		return r->error;
	if (version > 1 && run->kind == PTW_IMAGE_PUT_OUT)
		last = PTW_GENERATIONS - 1;
	return run->age > last && run->age != PTW_TICKS ? PTW_ERR_CORRUPT_BOUNDS : PTW_OK;
}

/* Generations follow one another, and the search for victims goes on within the group. */
static int ptw_check_record(const struct ptw_engine *engine, const struct ptw_image_part *part)
{
	const uint64_t youngest = ptw_word(part, PTW_IMAGE_YOUNGEST);
	const uint64_t oldest = ptw_word(part, PTW_IMAGE_OLDEST);
	const uint64_t hand = ptw_word(part, PTW_IMAGE_HAND);

	if (youngest - oldest >= PTW_GENERATIONS || (hand && hand >= part->group->regions))
		return PTW_ERR_CORRUPT_BOUNDS;
	/* Where a policy orders pages there is one generation, and no tick has passed. */
	if (engine->ordered && (youngest || oldest || ptw_word(part, PTW_IMAGE_TICK)))
		return PTW_ERR_CORRUPT_BOUNDS;
	for (uint64_t seq = oldest; seq != youngest; seq++) {
		const unsigned int one = seq % PTW_GENERATIONS, next = (seq + 1) % PTW_GENERATIONS;

		if (ptw_word(part, PTW_IMAGE_TICKS_AGO + one) <=
			    ptw_word(part, PTW_IMAGE_TICKS_AGO + next) ||
		    ptw_word(part, PTW_IMAGE_MS_AGO + one) <
			    ptw_word(part, PTW_IMAGE_MS_AGO + next))
			return PTW_ERR_CORRUPT_BOUNDS;
	}
	return PTW_OK;
}

/* Runs fill the group's pages, and no byte is left over. */
static int ptw_check_runs(const struct ptw_engine *engine, const struct ptw_image_part *part)
{
	struct ptw_image_run run, last = {0};
	struct ptw_reader r = part->runs;
	uint64_t left = 0, resident = 0;

	for (const struct ptw_span *span = part->group->spans; span; span = span->next) {
		const uint64_t here = engine->pages - span->first * PTW_REGION_PAGES;
		const uint64_t pages = span->regions * PTW_REGION_PAGES;

		left += pages < here ? pages : here;
	}
	for (; left; left -= run.length, last = run) {
		const int ret = ptw_run_next(engine, &r, &run, part->version);

		if (ret)
			return ret;
		if (run.length > left)
			return PTW_ERR_CORRUPT_BOUNDS;
		if (last.length && last.kind == run.kind && last.age == run.age)
			return PTW_ERR_CORRUPT_RESERVED;
		if (run.kind == PTW_IMAGE_HERE)
			resident += run.length;
	}
	if (r.at != r.end)
		return PTW_ERR_CORRUPT_BOUNDS;
	for (; r.at % 8; r.at++)
		if (r.from[r.at])
			return PTW_ERR_CORRUPT_RESERVED;
	return resident == ptw_word(part, PTW_IMAGE_RESIDENT) ? PTW_OK : PTW_ERR_CORRUPT_COUNT;
}

/* Which pages an image has as resident: a word for each region; none where no policy is to be told. */
struct ptw_image_resident {
	const struct ptw_group *group;
	uint64_t *word;
};

static bool ptw_restore_resident(const void *context, uint64_t page)
{
	const struct ptw_image_resident *resident = context;
	const struct ptw_group *group = resident->group;
	const uint64_t region = page / PTW_REGION_PAGES;
	const uint64_t control = group->engine->region[region].control;

	return PTW_CONTROL_GROUP(control) == group->number + 1 &&
	       resident->word[region] >> page % PTW_REGION_PAGES & 1;
}

static void ptw_note_resident(const struct ptw_engine *engine, const struct ptw_image_part *part,
			      uint64_t *word)
{
	struct ptw_reader r = part->runs;
	struct ptw_image_run run = {0};

	for (const struct ptw_span *span = part->group->spans; span; span = span->next) {
		uint64_t page = span->first * PTW_REGION_PAGES;
		const uint64_t end = page + span->regions * PTW_REGION_PAGES;

		for (; page < end && page < engine->pages; page++, run.length--) {
			if (!run.length)
				/* It cannot fail: all were read before. */
				ptw_run_next(engine, &r, &run, part->version);
			if (run.kind == PTW_IMAGE_HERE)
				word[page / PTW_REGION_PAGES] |= (uint64_t)1
								 << page % PTW_REGION_PAGES;
		}
	}
}

/* What the policy says to its part, or it takes it in. */
static int ptw_part_policy(const struct ptw_engine *engine, const struct ptw_image_part *part,
			   uint64_t *word, uint64_t now, bool commit)
{
	const struct ptw_image_resident resident = {.group = part->group, .word = word};
	const struct ptw_policy_image image = {.size = sizeof(image),
					       .now = now,
					       .resident = ptw_restore_resident,
					       .context = &resident};

	for (uint64_t i = part->policy_bytes; i % 8; i++)
		if (part->policy[i])
			return PTW_ERR_CORRUPT_RESERVED;
	if (!word)
		return part->policy_bytes ? PTW_ERR_CORRUPT_RESERVED : PTW_OK;
	return engine->policy->restore(part->group->policy, &image, part->policy,
				       part->policy_bytes, commit);
}

static int ptw_check_part(const struct ptw_engine *engine, const struct ptw_image_part *part,
			  uint64_t *word, uint64_t now)
{
	int ret = ptw_check_record(engine, part);

	if (!ret)
		ret = ptw_check_runs(engine, part);
	if (ret)
		return ret;
	if (word)
		ptw_note_resident(engine, part, word);
	return ptw_part_policy(engine, part, word, now, false);
}

/* The words of a type's tiers. */
static bool ptw_judged_any(const struct ptw_image_part *part, unsigned int type)
{
	const uint8_t *at = part->judged + 8 * PTW_IMAGE_TIER * PTW_TIERS * type;
	uint64_t any = 0;

	for (unsigned int i = 0; i < PTW_IMAGE_TIER * PTW_TIERS; i++)
		any |= ptw_image_get(at + 8 * i);
	return any;
}

/* Weights are below their end, and nothing was judged of types that there are not. Any counters will do. */
static int ptw_check_types(const struct ptw_engine *engine, const struct ptw_image_part *part)
{
	const uint64_t balance = ptw_word(part, PTW_IMAGE_BALANCE);
	const uint64_t types = part->group->types;

	/* More than one type is judged from the beginning. */
	if (types != 1 && !part->judged_words)
		return PTW_ERR_CORRUPT_RESERVED;
	for (unsigned int t = 0; t < PTW_TYPES; t++) {
		if ((balance >> 8 * t & 0xff) > PTW_BALANCE_MAX)
			return PTW_ERR_CORRUPT_BOUNDS;
		if (part->judged_words && !(types >> t & 1) && ptw_judged_any(part, t))
			return PTW_ERR_CORRUPT_RESERVED;
	}
	if (balance >> 8 * PTW_TYPES ||
	    (engine->ordered && balance != PTW_BALANCE_EVEN))
		return PTW_ERR_CORRUPT_RESERVED;
	return PTW_OK;
}

/* All parts, one for each group of the engine that an image has: first regions go up, so none comes twice. */
static int ptw_check_parts(const struct ptw_engine *engine, struct ptw_image_head head,
			   uint64_t *word, uint64_t now)
{
	struct ptw_group *expected;
	uint64_t next = 0, here = ptw_image_order(engine, &expected);

	for (uint64_t i = 0; i < head.groups; i++) {
		struct ptw_image_part part;
		int ret = ptw_part_next(engine, &head, expected, &part);

		if (!ret && part.group->spans) {
			if (part.first < next)
				return PTW_ERR_CORRUPT_RESERVED;
			next = part.first + 1;
		}
		if (!ret && head.version > 1) {
			const struct ptw_group *parent = part.group->node.parent;

			if (part.group != expected ||
			    ptw_word(&part, PTW_IMAGE_PARENT) != (parent ? parent->node.place : 0))
				return PTW_ERR_CONFIG;
		}
		if (!ret && head.version > 1)
			ret = ptw_check_types(engine, &part);
		if (!ret)
			ret = ptw_check_part(engine, &part, word, now);
		if (ret)
			return ret;
		expected = expected ? expected->node.after : NULL;
	}
	if (head.parts.at != head.parts.end)
		return PTW_ERR_CORRUPT_BOUNDS;
	/* Version 1 had no groups without regions. */
	for (; head.version == 1 && expected; expected = expected->node.after)
		here -= !expected->spans;
	return here == head.groups ? PTW_OK : PTW_ERR_CONFIG;
}

static bool ptw_engine_in_use(const struct ptw_engine *engine)
{
	for (uint32_t i = 0; i < engine->groups_max; i++)
		if (engine->group[i] && (engine->group[i]->resident || engine->group[i]->isolated))
			return true;
	return false;
}

/* The next 64 pages, or fewer at the engine's end. */
static void ptw_restore_region(struct ptw_owned *o, struct ptw_image_part *part,
			       struct ptw_image_run *run)
{
	const uint8_t youngest = ptw_tick_byte(o->group->youngest);

	for (unsigned int i = 0; i < o->pages; i++) {
		uint8_t byte = 0, state = 0;

		if (!run->length)
			/* It cannot fail: all were read before. */
			ptw_run_next(o->engine, &part->runs, run, part->version);
		if (run->kind == PTW_IMAGE_HERE) {
			state = PTW_PAGE_RESIDENT;
			byte = run->age != PTW_TICKS ? ptw_age_byte(o->now, run->age) : 0;
			o->type->count[o->tick ? byte : PTW_ORDERED]++;
		} else if (run->kind == PTW_IMAGE_PUT_OUT) {
			state = PTW_PAGE_EVICTED;
			if (part->version > 1 && run->age != PTW_TICKS)
				byte = ptw_age_byte(youngest, run->age);
		}
		o->state[i] = state;
		if (o->tick)
			o->tick[i] = byte;
		run->length--;
	}
}

static void ptw_restore_protection(struct ptw_group *group, const struct ptw_image_part *part)
{
	struct ptw_forest *forest = &group->engine->forest;
	struct ptw_node *node = &group->node;

	forest->claims -= node->protect[0] || node->protect[1];
	node->protect[0] = ptw_word(part, PTW_IMAGE_MIN);
	node->protect[1] = ptw_word(part, PTW_IMAGE_LOW);
	node->below_low = ptw_word(part, PTW_IMAGE_BELOW_LOW);
	forest->claims += node->protect[0] || node->protect[1];
}

static void ptw_restore_tiers(struct ptw_tier *tier, const struct ptw_image_part *part,
			      unsigned int type)
{
	const uint8_t *at = part->judged + 8 * PTW_IMAGE_TIER * PTW_TIERS * type;
	uint64_t *words = (uint64_t *)tier;

	for (unsigned int i = 0; i < PTW_IMAGE_TIER * PTW_TIERS; i++)
		words[i] = part->judged_words ? ptw_image_get(at + 8 * i) : 0;
}

static void ptw_restore_part(struct ptw_engine *engine, struct ptw_image_part *part, uint64_t now)
{
	struct ptw_image_run run = {0};
	struct ptw_group *group = part->group;

	for (unsigned int i = PTW_IMAGE_FIELDS; i < PTW_IMAGE_FIELDS_END; i++)
		*ptw_image_field(group, i) = ptw_word(part, i);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++) {
		const uint64_t ago = ptw_word(part, PTW_IMAGE_MS_AGO + i);

		group->birth_tick[i] = group->tick - ptw_word(part, PTW_IMAGE_TICKS_AGO + i);
		group->birth[i] = now > ago ? now - ago : 0;
	}
	for (unsigned int t = 0; t < PTW_TYPES; t++) {
		if (!group->type[t])
			continue;
		group->type[t]->none_before = 0;
		ptw_restore_tiers(group->type[t]->tier, part, t);
	}
	if (part->version > 1) {
		const uint64_t ago = ptw_word(part, PTW_IMAGE_AGED_AGO);

		group->balance = ptw_word(part, PTW_IMAGE_BALANCE);
		group->feedback = part->judged_words != 0;
		group->interval = ptw_word(part, PTW_IMAGE_INTERVAL);
		group->aged_at = now > ago ? now - ago : 0;
	}
	ptw_image_begin_searches(group);
	group->restored++;
	/* No page is resident: all of group->count is 0. */
	for (const struct ptw_span *span = group->spans; span; span = span->next)
		for (uint64_t r = span->first; r < span->first + span->regions; r++) {
			struct ptw_owned o;

			/* What harvests found before was about pages that were absent: it does not count. */
			engine->region[r].young = 0;
			if (!ptw_region_own(engine, r, true, &o))
				continue;
			ptw_restore_region(&o, part, &run);
			if (o.tick)
				ptw_region_rebound(&o);
			ptw_region_leave(&o);
		}
}

/* All is checked, and nothing can fail any more. */
static void ptw_restore_all(struct ptw_engine *engine, struct ptw_image_head *head, uint64_t *word,
			    uint64_t now)
{
	struct ptw_group *expected;

	ptw_image_order(engine, &expected);
	for (uint64_t i = 0; i < head->groups; i++) {
		struct ptw_image_part part;

		ptw_part_next(engine, head, expected, &part);
		ptw_restore_part(engine, &part, now);
		ptw_part_policy(engine, &part, word, now, true);
		if (head->version > 1)
			ptw_restore_protection(part.group, &part);
		expected = expected ? expected->node.after : NULL;
	}
	if (head->version > 1) {
		ptw_engine_min_age(engine, head->min_age);
		ptw_engine_enable(engine, (uint32_t)head->enabled);
	}
}

int ptw_engine_restore(struct ptw_engine *engine, const void *buffer, uint64_t size)
{
	struct ptw_image_head head;
	uint64_t *word = NULL, now;
	int ret;

	if (!engine || !buffer)
		return PTW_ERR_ARG;
	if (!ptw_image_policy(engine->policy))
		return PTW_ERR_UNSUPPORTED;
	ret = ptw_image_open(engine, buffer, size, &head);
	if (ret)
		return ret;
	now = ptw_engine_now(engine);
	/* Version 1 says nothing to a policy. */
	if (head.version > 1 && engine->policy->restore) {
		word = ptw_port_zalloc(engine->regions * sizeof(*word));
		if (!word)
			return PTW_ERR_NOMEM;
	}
	ret = ptw_check_parts(engine, head, word, now);
	if (!ret && ptw_engine_in_use(engine))
		ret = PTW_ERR_EXISTS;
	if (!ret)
		ptw_restore_all(engine, &head, word, now);
	if (word)
		ptw_port_free(word, engine->regions * sizeof(*word));
	return ret;
}
