/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Images of engines (ptw/engine_save.h) of any bytes, with a length and a checksum that fit, since
 * no fuzzer finds those: an image is refused, or is exactly what the engine that it makes is saved
 * as. The input has neither the first two words, magic and length, nor the last one, the checksum.
 * The engine has the policy that the image names; the lowest four bits of its minimum age are the
 * types of two runs of pages.
 */
#include "fuzz.h"

#include <string.h>

#include <ptw/engine_enable.h>
#include <ptw/engine_reclaim.h>
#include <ptw/engine_save.h>
#include <ptw/engine_type.h>
#include <ptw/error.h>

#define PAGES	  450
#define INPUT_MAX 8192

static uint64_t now(void *context)
{
	(void)context;
	return UINT64_MAX;
}

static int evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result)
{
	(void)context;
	for (unsigned int i = 0; i < n; i++)
		result[i] = page[i] % 5 ? PTW_EVICTED : PTW_EVICT_FAILED;
	return 0;
}

static uint64_t word_at(const uint8_t *from)
{
	uint64_t v = 0;

	for (unsigned int i = 8; i--;)
		v = v << 8 | from[i];
	return v;
}

static void put_word(uint8_t *to, uint64_t v)
{
	for (unsigned int i = 0; i < 8; i++, v >>= 8)
		to[i] = (uint8_t)v;
}

static void seal(uint8_t *image, uint64_t bytes)
{
	uint64_t sum;

	memcpy(image, "ptw-ages", 8);
	put_word(image + 8, bytes);
	sum = word_at(image);
	for (uint64_t at = 0; at < bytes - 8; at += 8) {
		sum = (sum ^ word_at(image + at)) * 0x9e3779b97f4a7c15u;
		sum ^= sum >> 32;
	}
	put_word(image + bytes - 8, sum);
}

static struct ptw_engine *make_engine(struct ptw_group *group[2],
				      const struct ptw_policy_ops *policy, unsigned int types)
{
	const struct ptw_engine_config config = {
		.size = sizeof(config), .pages = PAGES, .groups = 4, .clock = now, .policy = policy};
	struct ptw_group_config of_group = {.size = sizeof(of_group), .ops = {.evict = evict}};
	struct ptw_group *above;
	struct ptw_engine *engine;

	expect(!ptw_engine_create(&config, &engine), "no memory");
	/* One that has no regions, and one below it. */
	expect(!ptw_group_create(engine, &of_group, &above), "no memory");
	for (unsigned int i = 0; i < 2; i++) {
		of_group.parent = i ? above : NULL;
		expect(!ptw_group_create(engine, &of_group, &group[i]), "no memory");
	}
	expect(!ptw_group_attach(group[0], 256, PAGES - 256), "attach");
	expect(!ptw_group_attach_as(group[1], 128, 128, types % PTW_TYPES), "attach");
	expect(!ptw_group_attach_as(group[0], 0, 64, types / PTW_TYPES % PTW_TYPES), "attach");
	return engine;
}

static void accepted(struct ptw_engine *engine, struct ptw_group *group[2], const uint8_t *image,
		     uint64_t bytes)
{
	uint8_t *again = malloc(bytes);
	uint64_t used, evicted, token;

	expect(again, "no memory");
	expect(!ptw_engine_check(engine), "sizes");
	/* The version before is read and not written any more. */
	if (image[16] != 1) {
		expect(!ptw_engine_save(engine, again, bytes, &used) && used == bytes,
		       "another size");
		expect(!memcmp(again, image, bytes), "another image");
	}
	free(again);
	expect(!ptw_engine_min_age(engine, 0), "min age");
	expect(!ptw_engine_reclaim(engine, NULL, 20, 0, &evicted), "reclaim");
	for (unsigned int i = 0; i < 2; i++) {
		const int ret = ptw_group_evict(group[i], PAGES, &evicted);

		expect(!ret, "evict: %d", ret);
	}
	for (uint64_t page = 0; page < PAGES; page += 7)
		if (page % 3 || ptw_page_token(engine, page, &token))
			ptw_page_add(engine, page);
		else
			ptw_page_add_token(engine, page, token);
	expect(!ptw_engine_check(engine), "sizes afterwards");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint64_t bytes = 16 + (size + 7) / 8 * 8 + 8;
	struct ptw_group *group[2];
	struct ptw_engine *engine;
	const struct ptw_policy_ops *policy = NULL;
	struct ptw_group_state state = {.size = sizeof(state)};
	uint8_t *image;

	if (size > INPUT_MAX)
		return 0;
	image = calloc(1, bytes);
	expect(image, "no memory");
	if (size)
		memcpy(image + 16, data, size);
	seal(image, bytes);
	if (bytes >= 96 && !memcmp(image + 56, "learned", 8))
		policy = &ptw_policy_learned;
	if (bytes >= 96 && !memcmp(image + 56, "idle-age", 8))
		policy = &ptw_policy_idle_age;
	engine = make_engine(group, policy, bytes >= 96 ? image[48] & 15 : 0);
	if (!ptw_engine_restore(engine, image, bytes)) {
		accepted(engine, group, image, bytes);
	} else {
		for (unsigned int i = 0; i < 2; i++) {
			expect(!ptw_group_state(group[i], &state), "state");
			expect(!state.resident && !state.ticks && !state.faults,
			       "not refused whole");
		}
		expect(!ptw_engine_check(engine), "sizes");
	}
	ptw_engine_destroy(engine);
	free(image);
	return 0;
}
