/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* An engine becomes bytes. */
#include <ptw/engine_save.h>
#include <ptw/error.h>

#include "lib/age/engine/image.h"

/* A word that is known only after what follows it. */
static void ptw_put_at(struct ptw_writer *w, uint64_t at, uint64_t word)
{
	const uint64_t bytes = w->bytes;

	w->bytes = at;
	ptw_put(w, word);
	w->bytes = bytes;
}

static void ptw_put_zeroes(struct ptw_writer *w)
{
	while (w->bytes % 8)
		ptw_put_byte(w, 0);
}

static void ptw_put_run(struct ptw_writer *w, const struct ptw_engine *engine,
			const struct ptw_image_run *run)
{
	if (!run->length)
		return;
	ptw_put_small(w, run->length << PTW_IMAGE_KIND_LG2 | run->kind);
	if (run->kind != PTW_IMAGE_ABSENT && !engine->ordered)
		ptw_put_byte(w, run->age);
}

/* The pages of a region go on with the run, or end it; as they are once its owner has taken in what came. */
static void ptw_save_region(struct ptw_writer *w, const struct ptw_engine *engine, uint64_t number,
			    const struct ptw_group *group, struct ptw_image_run *run)
{
	const uint8_t now = ptw_tick_byte(group->tick), youngest = ptw_tick_byte(group->youngest);
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
		if (kind != PTW_IMAGE_ABSENT && engine->tick)
			age = ptw_tick_age(kind == PTW_IMAGE_HERE ? now : youngest,
					   engine->tick[first + i]);
		/* What was put out is recent, or it does not matter when that was. */
		if (age > (kind == PTW_IMAGE_HERE ? PTW_OLD_TICKS : PTW_GENERATIONS - 1))
			age = PTW_TICKS;
		if (kind == PTW_IMAGE_HERE && (young >> i & 1) && !(state & PTW_PAGE_ISOLATED))
			age = 0;
		if (run->kind != kind || run->age != age) {
			ptw_put_run(w, engine, run);
			run->length = 0;
			run->kind = (uint8_t)kind;
			run->age = (uint8_t)age;
		}
		run->length++;
	}
}

/* What was judged; nothing of types that the group has not. */
static void ptw_save_tiers(struct ptw_writer *w, const struct ptw_group *group)
{
	for (unsigned int i = 0; group->feedback && i < PTW_IMAGE_TIERS; i++) {
		const struct ptw_type *type = group->type[i / (PTW_IMAGE_TIER * PTW_TIERS)];
		const uint64_t *words = type ? (const uint64_t *)type->tier : NULL;

		ptw_put(w, words ? words[i % (PTW_IMAGE_TIER * PTW_TIERS)] : 0);
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
	for (unsigned int i = PTW_IMAGE_FIELDS; i < PTW_IMAGE_FIELDS_END; i++)
		ptw_put(w, *ptw_image_field(group, i));
	ptw_put(w, group->node.parent ? group->node.parent->node.place : 0);
	ptw_put(w, group->node.protect[0]);
	ptw_put(w, group->node.protect[1]);
	ptw_put(w, group->node.below_low);
	ptw_put(w, 0);
	ptw_put(w, group->balance);
	ptw_put(w, group->feedback ? PTW_IMAGE_TIERS : 0);
	ptw_put(w, group->interval);
	ptw_put(w, now > group->aged_at ? now - group->aged_at : 0);
	for (const struct ptw_span *span = group->spans; span; span = span->next) {
		ptw_put(w, span->first);
		ptw_put(w, span->regions | (uint64_t)span->type << PTW_IMAGE_TYPE_LG2);
	}
	ptw_save_tiers(w, group);
}

static bool ptw_save_resident(const void *context, uint64_t page)
{
	const struct ptw_group *group = context;
	const struct ptw_engine *engine = group->engine;
	const uint64_t control = engine->region[page / PTW_REGION_PAGES].control;

	return PTW_CONTROL_GROUP(control) == group->number + 1 &&
	       (engine->state[page] & PTW_PAGE_RESIDENT);
}

/* What the policy knows. Returns how many bytes that takes. */
static uint64_t ptw_save_policy(struct ptw_writer *w, struct ptw_group *group, uint64_t now)
{
	const struct ptw_policy_ops *policy = group->engine->policy;
	const struct ptw_policy_image image = {.size = sizeof(image),
					       .now = now,
					       .resident = ptw_save_resident,
					       .context = group};
	const bool fits = w->bytes < w->size;
	uint64_t bytes;

	if (!policy->save)
		return 0;
	bytes = policy->save(group->policy, &image, fits ? w->to + w->bytes : NULL,
			     fits ? w->size - w->bytes : 0);
	w->bytes += bytes;
	ptw_put_zeroes(w);
	return bytes;
}

static void ptw_save_group(struct ptw_writer *w, struct ptw_group *group, uint64_t now)
{
	const struct ptw_engine *engine = group->engine;
	const uint64_t record = w->bytes;
	struct ptw_image_run run = {0};
	uint64_t runs;

	ptw_save_record(w, group, now);
	ptw_put_at(w, record + 8 * PTW_IMAGE_POLICY, ptw_save_policy(w, group, now));
	runs = w->bytes;
	for (const struct ptw_span *span = group->spans; span; span = span->next)
		for (uint64_t r = span->first; r < span->first + span->regions; r++)
			ptw_save_region(w, engine, r, group, &run);
	ptw_put_run(w, engine, &run);
	ptw_put_at(w, record + 8 * PTW_IMAGE_RUNS, w->bytes - runs);
	ptw_put_zeroes(w);
}

static void ptw_append(struct ptw_group ***last, struct ptw_group *group, uint64_t place)
{
	group->node.place = place;
	group->node.after = NULL;
	**last = group;
	*last = &group->node.after;
}

uint64_t ptw_image_order(const struct ptw_engine *engine, struct ptw_group **first)
{
	struct ptw_group **last = first;
	uint64_t groups = 0;

	*first = NULL;
	for (uint32_t i = 0; i < engine->groups_max; i++)
		if (engine->group[i])
			engine->group[i]->node.place = 0;
	for (uint64_t r = 0; r < engine->regions; r++) {
		struct ptw_group *group = ptw_image_group(engine, r);

		if (group)
			ptw_append(&last, group, ++groups);
	}
	for (struct ptw_group *group = *first; group; group = group->node.after) {
		struct ptw_group *parent = group->node.parent;

		if (parent && !parent->node.place)
			ptw_append(&last, parent, ++groups);
	}
	return groups;
}

/* All but the checksum. */
static void ptw_save(struct ptw_writer *w, const struct ptw_engine *engine)
{
	const uint64_t now = ptw_engine_now(engine);
	const char *name = engine->policy->name;
	struct ptw_group *group;

	ptw_put(w, PTW_IMAGE_MAGIC);
	ptw_put(w, 0);
	ptw_put(w, PTW_IMAGE_VERSION | (uint64_t)PTW_IMAGE_HEADER << 32);
	ptw_put(w, engine->pages);
	ptw_put(w, ptw_image_order(engine, &group));
	ptw_put(w, ptw_engine_enabled(engine));
	ptw_put(w, ptw_port_load(&engine->min_age));
	for (unsigned int i = 0; i < PTW_IMAGE_NAME_MAX; i++)
		ptw_put_byte(w, *name ? (uint8_t)*name++ : 0);
	for (; group; group = group->node.after)
		ptw_save_group(w, group, now);
	ptw_put_at(w, 8, w->bytes + PTW_IMAGE_CHECKSUM);
}

/* So that this engine and the restored one go on alike: there, too, nothing waits, bounds are new,
 * and searches begin. */
static void ptw_save_prepare(struct ptw_engine *engine)
{
	for (uint64_t r = 0; r < engine->regions; r++) {
		struct ptw_owned o;

		if (!ptw_region_own(engine, r, true, &o))
			continue;
		if (o.tick)
			ptw_region_rebound(&o);
		ptw_region_leave(&o);
	}
	for (uint32_t i = 0; i < engine->groups_max; i++)
		if (engine->group[i])
			ptw_image_begin_searches(engine->group[i]);
}

uint64_t ptw_engine_save_bytes(const struct ptw_engine *engine)
{
	struct ptw_writer w = {0};

	if (!engine || !ptw_image_policy(engine->policy))
		return 0;
	/* A policy learns from what waits, and may have more to say then. */
	if (engine->ordered)
		ptw_save_prepare((struct ptw_engine *)(uintptr_t)engine);
	ptw_save(&w, engine);
	return w.bytes + PTW_IMAGE_CHECKSUM;
}

int ptw_engine_save(struct ptw_engine *engine, void *buffer, uint64_t size, uint64_t *used)
{
	struct ptw_writer w = {.to = buffer, .size = size};

	if (!engine || !buffer || !used)
		return PTW_ERR_ARG;
	if (!ptw_image_policy(engine->policy))
		return PTW_ERR_UNSUPPORTED;
	ptw_save_prepare(engine);
	ptw_save(&w, engine);
	if (w.bytes + PTW_IMAGE_CHECKSUM > size)
		return PTW_ERR_SIZE;
	ptw_put(&w, ptw_image_checksum(buffer, w.bytes));
	*used = w.bytes;
	return PTW_OK;
}
