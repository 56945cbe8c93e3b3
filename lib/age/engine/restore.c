/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Bytes become an engine. They are read twice by the same functions: once to check everything, then, when nothing can
 * fail any more, to fill the groups. Nobody else uses the engine, so plain stores to the groups do.
 */
#include <ptw/engine_save.h>
#include <ptw/error.h>

#include "lib/age/engine/image.h"

struct ptw_reader {
	const uint8_t *from;
	uint64_t at;
	uint64_t end;
};

/* A group's part of an image, and whose it is here. */
struct ptw_image_part {
	const uint8_t *record;
	const uint8_t *span;
	struct ptw_reader runs;
	struct ptw_group *group;
	uint64_t first;
};

static uint64_t ptw_word(const struct ptw_image_part *part, unsigned int word)
{
	return ptw_image_get(part->record + 8 * (uint64_t)word);
}

/* What holds for images of all versions, then this one's header. The reader gets what is behind that. */
static int ptw_image_open(const struct ptw_engine *engine, const uint8_t *from, uint64_t size,
			  struct ptw_reader *r, uint64_t *groups)
{
	uint64_t bytes;

	if (size < PTW_IMAGE_HEADER + PTW_IMAGE_CHECKSUM)
		return PTW_ERR_CORRUPT_BOUNDS;
	if (ptw_image_get(from) != PTW_IMAGE_MAGIC)
		return PTW_ERR_CORRUPT_RESERVED;
	bytes = ptw_image_get(from + 8);
	if (bytes > size || bytes % 8 || bytes < PTW_IMAGE_HEADER + PTW_IMAGE_CHECKSUM)
		return PTW_ERR_CORRUPT_BOUNDS;
	r->from = from;
	r->at = PTW_IMAGE_HEADER;
	r->end = bytes - PTW_IMAGE_CHECKSUM;
	if (ptw_image_get(from + r->end) != ptw_image_checksum(from, r->end))
		return PTW_ERR_CORRUPT_RESERVED;
	if (ptw_image_get(from + 16) != (PTW_IMAGE_VERSION | (uint64_t)PTW_IMAGE_HEADER << 32))
		return PTW_ERR_UNSUPPORTED;
	if (ptw_image_get(from + 24) != engine->pages)
		return PTW_ERR_CONFIG;
	*groups = ptw_image_get(from + 32);
	return PTW_OK;
}

/* The group that has these spans, no more and no less. */
static int ptw_part_group(const struct ptw_engine *engine, struct ptw_image_part *part)
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
		    ptw_image_get(at + 8) != span->regions)
			return PTW_ERR_CONFIG;
		spans--;
		at += PTW_IMAGE_SPAN;
	}
	return spans ? PTW_ERR_CONFIG : PTW_OK;
}

/* The next part. Its lengths are checked here, what is in them elsewhere. */
static int ptw_part_next(const struct ptw_engine *engine, struct ptw_reader *r,
			 struct ptw_image_part *part)
{
	uint64_t left = r->end - r->at, spans, runs;

	if (left < 8 * PTW_IMAGE_WORDS)
		return PTW_ERR_CORRUPT_BOUNDS;
	left -= 8 * PTW_IMAGE_WORDS;
	part->record = r->from + r->at;
	part->span = part->record + 8 * PTW_IMAGE_WORDS;
	spans = ptw_word(part, PTW_IMAGE_SPANS);
	if (!spans || spans > left / PTW_IMAGE_SPAN)
		return PTW_ERR_CORRUPT_BOUNDS;
	left -= spans * PTW_IMAGE_SPAN;
	/* What is left is a multiple of 8, so the zeroes behind the runs fit in, too. */
	runs = ptw_word(part, PTW_IMAGE_RUNS);
	if (runs > left)
		return PTW_ERR_CORRUPT_BOUNDS;
	part->runs.from = part->span + spans * PTW_IMAGE_SPAN;
	part->runs.at = 0;
	part->runs.end = runs;
	r->at = r->end - left + (runs + 7) / 8 * 8;
	return ptw_part_group(engine, part);
}

static int ptw_run_next(struct ptw_reader *r, struct ptw_image_run *run)
{
	uint64_t v = 0;
	uint8_t byte;

	for (unsigned int i = 0;; i++) {
		if (r->at == r->end)
			return PTW_ERR_CORRUPT_BOUNDS;
		byte = r->from[r->at++];
		v |= (uint64_t)(byte & 0x7f) << 7 * i;
		if (!(byte & 0x80)) {
			if (i && !byte)
				return PTW_ERR_CORRUPT_RESERVED;
			break;
		}
		if (i == PTW_IMAGE_RUN_BYTES - 1)
			return PTW_ERR_CORRUPT_BOUNDS;
	}
	run->length = v >> PTW_IMAGE_KIND_LG2;
	run->kind = (uint8_t)(v & ((1u << PTW_IMAGE_KIND_LG2) - 1));
	run->age = 0;
	if (!run->length || run->kind >= PTW_IMAGE_KINDS)
		return PTW_ERR_CORRUPT_RESERVED;
	if (run->kind == PTW_IMAGE_ABSENT)
		return PTW_OK;
	if (r->at == r->end)
		return PTW_ERR_CORRUPT_BOUNDS;
	run->age = r->from[r->at++];
	return run->age > PTW_OLD_TICKS && run->age != PTW_TICKS ? PTW_ERR_CORRUPT_BOUNDS : PTW_OK;
}

/* Generations follow one another, and the search for victims goes on within the group. */
static int ptw_check_record(const struct ptw_image_part *part)
{
	const uint64_t youngest = ptw_word(part, PTW_IMAGE_YOUNGEST);
	const uint64_t oldest = ptw_word(part, PTW_IMAGE_OLDEST);

	if (youngest - oldest >= PTW_GENERATIONS ||
	    ptw_word(part, PTW_IMAGE_HAND) >= part->group->regions)
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
		const int ret = ptw_run_next(&r, &run);

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

/* All parts, one for each group of the engine that has regions: first regions go up, so none comes twice. */
static int ptw_check_parts(const struct ptw_engine *engine, struct ptw_reader r, uint64_t groups)
{
	uint64_t next = 0, here = 0;

	for (uint64_t i = 0; i < groups; i++) {
		struct ptw_image_part part;
		int ret = ptw_part_next(engine, &r, &part);

		if (!ret && part.first < next)
			ret = PTW_ERR_CORRUPT_RESERVED;
		if (!ret)
			ret = ptw_check_record(&part);
		if (!ret)
			ret = ptw_check_runs(engine, &part);
		if (ret)
			return ret;
		next = part.first + 1;
	}
	if (r.at != r.end)
		return PTW_ERR_CORRUPT_BOUNDS;
	for (uint32_t i = 0; i < engine->groups_max; i++)
		here += engine->group[i] && engine->group[i]->spans;
	return here == groups ? PTW_OK : PTW_ERR_CONFIG;
}

static bool ptw_engine_in_use(const struct ptw_engine *engine)
{
	for (uint32_t i = 0; i < engine->groups_max; i++)
		if (engine->group[i] && (engine->group[i]->resident || engine->group[i]->isolated))
			return true;
	return false;
}

/* The next 64 pages, or fewer at the engine's end. */
static void ptw_restore_region(struct ptw_owned *o, struct ptw_reader *r, struct ptw_image_run *run)
{
	for (unsigned int i = 0; i < o->pages; i++) {
		uint8_t byte = 0, state = 0;

		if (!run->length)
			/* It cannot fail: all were read before. */
			ptw_run_next(r, run);
		if (run->kind != PTW_IMAGE_ABSENT && run->age != PTW_TICKS)
			byte = o->now > run->age ? o->now - run->age :
						   (uint8_t)(o->now + PTW_TICKS - run->age);
		if (run->kind == PTW_IMAGE_HERE) {
			state = PTW_PAGE_RESIDENT;
			o->group->count[byte]++;
		} else if (run->kind == PTW_IMAGE_PUT_OUT) {
			state = PTW_PAGE_EVICTED;
		}
		o->state[i] = state;
		o->tick[i] = byte;
		run->length--;
	}
}

static void ptw_restore_part(struct ptw_engine *engine, struct ptw_image_part *part, uint64_t now)
{
	struct ptw_image_run run = {0};
	struct ptw_group *group = part->group;

	for (unsigned int i = PTW_IMAGE_FIELDS; i < PTW_IMAGE_WORDS; i++)
		*ptw_image_field(group, i) = ptw_word(part, i);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++) {
		const uint64_t ago = ptw_word(part, PTW_IMAGE_MS_AGO + i);

		group->birth_tick[i] = group->tick - ptw_word(part, PTW_IMAGE_TICKS_AGO + i);
		group->birth[i] = now > ago ? now - ago : 0;
	}
	group->restored++;
	/* No page is resident: all of group->count is 0. */
	for (const struct ptw_span *span = group->spans; span; span = span->next)
		for (uint64_t r = span->first; r < span->first + span->regions; r++) {
			struct ptw_owned o;

			/* What harvests found before was about pages that were absent: it does not count. */
			engine->region[r].young = 0;
			if (!ptw_region_own(engine, r, true, &o))
				continue;
			ptw_restore_region(&o, &part->runs, &run);
			ptw_region_rebound(&o);
			ptw_region_leave(&o);
		}
}

int ptw_engine_restore(struct ptw_engine *engine, const void *buffer, uint64_t size)
{
	struct ptw_reader r;
	uint64_t groups, now;
	int ret;

	if (!engine || !buffer)
		return PTW_ERR_ARG;
	if (engine->ordered)
		return PTW_ERR_UNSUPPORTED;
	ret = ptw_image_open(engine, buffer, size, &r, &groups);
	if (!ret)
		ret = ptw_check_parts(engine, r, groups);
	if (!ret && ptw_engine_in_use(engine))
		ret = PTW_ERR_EXISTS;
	if (ret)
		return ret;
	now = ptw_engine_now(engine);
	while (groups--) {
		struct ptw_image_part part;

		/* It cannot fail: all were read before. */
		ptw_part_next(engine, &r, &part);
		ptw_restore_part(engine, &part, now);
	}
	return PTW_OK;
}
