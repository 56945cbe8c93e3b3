/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An engine becomes bytes. */
#include <ptw/engine_save.h>
#include <ptw/error.h>

#include "lib/age/engine/image.h"

/* What does not fit is counted and not written. */
struct ptw_writer {
	uint8_t *to;
	uint64_t size;
	uint64_t bytes;
};

static void ptw_put_byte(struct ptw_writer *w, uint8_t byte)
{
	if (w->bytes < w->size)
		w->to[w->bytes] = byte;
	w->bytes++;
}

static void ptw_put(struct ptw_writer *w, uint64_t word)
{
	for (unsigned int i = 0; i < 8; i++)
		ptw_put_byte(w, (uint8_t)(word >> 8 * i));
}

/* A word that is known only after what follows it. */
static void ptw_put_at(struct ptw_writer *w, uint64_t at, uint64_t word)
{
	const uint64_t bytes = w->bytes;

	w->bytes = at;
	ptw_put(w, word);
	w->bytes = bytes;
}

static void ptw_put_run(struct ptw_writer *w, const struct ptw_image_run *run)
{
	uint64_t rest = run->length << PTW_IMAGE_KIND_LG2 | run->kind;

	if (!run->length)
		return;
	for (; rest >= 0x80; rest >>= 7)
		ptw_put_byte(w, (uint8_t)(rest | 0x80));
	ptw_put_byte(w, (uint8_t)rest);
	if (run->kind != PTW_IMAGE_ABSENT)
		ptw_put_byte(w, run->age);
}

/* The pages of a region go on with the run, or end it; as they are once its owner has taken in what came. */
static void ptw_save_region(struct ptw_writer *w, const struct ptw_engine *engine, uint64_t number,
			    uint8_t now, struct ptw_image_run *run)
{
	const uint64_t first = number * PTW_REGION_PAGES;
	const uint64_t left = engine->pages - first;
	const unsigned int pages = left < PTW_REGION_PAGES ? (unsigned int)left : PTW_REGION_PAGES;
	/* Relaxed: only bits. Where use does not matter, they are left out. */
	const uint64_t young = ptw_engine_may(engine, PTW_ENABLE_CORE) ?
				       ptw_port_load(&engine->region[number].young) :
				       0;

	for (unsigned int i = 0; i < pages; i++) {
		const uint8_t state = engine->state[first + i];
		unsigned int kind = PTW_IMAGE_ABSENT, age = 0;

		if (state & PTW_PAGE_RESIDENT)
			kind = PTW_IMAGE_HERE;
		else if (state & PTW_PAGE_EVICTED)
			kind = PTW_IMAGE_PUT_OUT;
		if (kind != PTW_IMAGE_ABSENT)
			age = ptw_tick_age(now, engine->tick[first + i]);
		if (age > PTW_OLD_TICKS)
			age = PTW_TICKS;
		if (kind == PTW_IMAGE_HERE && (young >> i & 1) && !(state & PTW_PAGE_ISOLATED))
			age = 0;
		if (run->kind != kind || run->age != age) {
			ptw_put_run(w, run);
			run->length = 0;
			run->kind = (uint8_t)kind;
			run->age = (uint8_t)age;
		}
		run->length++;
	}
}

static void ptw_save_record(struct ptw_writer *w, struct ptw_group *group, uint64_t now)
{
	uint64_t spans = 0;

	for (const struct ptw_span *span = group->spans; span; span = span->next)
		spans++;
	ptw_put(w, spans);
	ptw_put(w, 0);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		ptw_put(w, group->tick - group->birth_tick[i]);
	for (unsigned int i = 0; i < PTW_GENERATIONS; i++)
		ptw_put(w, now > group->birth[i] ? now - group->birth[i] : 0);
	for (unsigned int i = PTW_IMAGE_FIELDS; i < PTW_IMAGE_WORDS; i++)
		ptw_put(w, *ptw_image_field(group, i));
	for (const struct ptw_span *span = group->spans; span; span = span->next) {
		ptw_put(w, span->first);
		ptw_put(w, span->regions);
	}
}

static void ptw_save_group(struct ptw_writer *w, struct ptw_group *group, uint64_t now)
{
	const uint64_t record = w->bytes;
	struct ptw_image_run run = {0};
	uint64_t runs;

	ptw_save_record(w, group, now);
	runs = w->bytes;
	for (const struct ptw_span *span = group->spans; span; span = span->next)
		for (uint64_t r = span->first; r < span->first + span->regions; r++)
			ptw_save_region(w, group->engine, r, ptw_tick_byte(group->tick), &run);
	ptw_put_run(w, &run);
	ptw_put_at(w, record + 8 * PTW_IMAGE_RUNS, w->bytes - runs);
	while (w->bytes % 8)
		ptw_put_byte(w, 0);
}

/* All but the checksum. */
static void ptw_save(struct ptw_writer *w, const struct ptw_engine *engine)
{
	const uint64_t now = ptw_engine_now(engine);
	uint64_t groups = 0;

	ptw_put(w, PTW_IMAGE_MAGIC);
	ptw_put(w, 0);
	ptw_put(w, PTW_IMAGE_VERSION | (uint64_t)PTW_IMAGE_HEADER << 32);
	ptw_put(w, engine->pages);
	ptw_put(w, 0);
	for (uint64_t r = 0; r < engine->regions; r++) {
		struct ptw_group *group = ptw_image_group(engine, r);

		if (!group)
			continue;
		ptw_save_group(w, group, now);
		groups++;
	}
	ptw_put_at(w, 8, w->bytes + PTW_IMAGE_CHECKSUM);
	ptw_put_at(w, PTW_IMAGE_HEADER - 8, groups);
}

uint64_t ptw_engine_save_bytes(const struct ptw_engine *engine)
{
	struct ptw_writer w = {0};

	if (!engine || engine->ordered)
		return 0;
	ptw_save(&w, engine);
	return w.bytes + PTW_IMAGE_CHECKSUM;
}

int ptw_engine_save(struct ptw_engine *engine, void *buffer, uint64_t size, uint64_t *used)
{
	struct ptw_writer w = {.to = buffer, .size = size};

	if (!engine || !buffer || !used)
		return PTW_ERR_ARG;
	/* Ages are what an image has. */
	if (engine->ordered)
		return PTW_ERR_UNSUPPORTED;
	/* So that this engine and the restored one go on alike: there, too, nothing waits and bounds are new. */
	for (uint64_t r = 0; r < engine->regions; r++) {
		struct ptw_owned o;

		if (!ptw_region_own(engine, r, true, &o))
			continue;
		ptw_region_rebound(&o);
		ptw_region_leave(&o);
	}
	ptw_save(&w, engine);
	if (w.bytes + PTW_IMAGE_CHECKSUM > size)
		return PTW_ERR_SIZE;
	ptw_put(&w, ptw_image_checksum(buffer, w.bytes));
	*used = w.bytes;
	return PTW_OK;
}
