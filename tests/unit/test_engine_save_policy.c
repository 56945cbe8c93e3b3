/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What is saved beside ages: what a policy has learned, the tree, what was set. */
#include "tests/unit/saved_engine.h"

#include <ptw/engine_enable.h>
#include <ptw/engine_tree.h>

#include <time.h>

#include "lib/age/engine/engine.h"
#include "lib/age/policy/learned.h"

static void check(const struct world *w)
{
	cr_assert_eq(ptw_engine_check(w->engine), PTW_OK);
	for (uint32_t i = 0; i < w->engine->groups_max; i++)
		if (saved_policy == &ptw_policy_learned && w->engine->group[i])
			cr_assert_eq(ptw_learned_check(w->engine->group[i]->policy), PTW_OK);
}

/* Pages are used again, so that there is something to be learned: some often, some in a loop. */
static void work(struct world *w, unsigned int steps)
{
	for (unsigned int i = 0; i < steps; i++) {
		const struct step s = draw();
		uint64_t evicted;

		take(w, s);
		for (unsigned int k = 0; k < 4; k++) {
			const unsigned int page = k ? 64 + (i * 4 + k) % 448 : 576 + s.many;

			w->young[page] = ptw_page_add(w->engine, page) == PTW_ERR_EXISTS;
		}
		for (unsigned int g = 0; g < GROUPS; g++) {
			if (ptw_group_wants_ageing(w->group[g]))
				cr_assert_eq(ptw_group_age(w->group[g]), PTW_OK);
			if (state_of(w->group[g]).resident > 150)
				cr_assert_eq(ptw_group_evict(w->group[g], 8, &evicted), PTW_OK);
		}
	}
}

static void goes_on_alike(const struct ptw_policy_ops *policy, unsigned int rounds)
{
	static struct world a, b;

	saved_policy = policy;
	random_state = test_seed() | 1;
	for (unsigned int round = 0; round < rounds; round++) {
		uint64_t bytes, again_bytes, random_then;
		uint8_t *image, *again;

		memset(&a, 0, sizeof(a));
		a.milliseconds = round % 3 ? 1000 : 0;
		open_world(&a, false);
		work(&a, round % 4 ? pick(3000) : pick(20));
		image = save(&a, &bytes);
		check(&a);
		b = a;
		/* The clock of who restores is ahead, or has just begun. */
		b.milliseconds = round % 2 ? a.milliseconds + 1000000 : 3;
		open_world(&b, round % 2);
		cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
		check(&b);
		again = save(&b, &again_bytes);
		cr_assert_eq(bytes, again_bytes);
		if (round % 2)
			cr_assert_eq(memcmp(image, again, bytes), 0);
		random_then = random_state;
		work(&a, 1500);
		random_state = random_then;
		work(&b, 1500);
		cr_assert_gt(a.gone_count, 0u);
		cr_assert_eq(a.gone_count, b.gone_count);
		cr_assert_eq(memcmp(a.gone, b.gone, sizeof(a.gone)), 0, "other victims");
		for (unsigned int g = 0; g < GROUPS; g++)
			cr_assert_eq(state_of(a.group[g]).agings, state_of(b.group[g]).agings);
		if (round % 2)
			alike(&a, &b);
		check(&b);
		close_world(&a);
		close_world(&b);
		free(image);
		free(again);
	}
}

Test(engine_save_policy, learned_goes_on_alike, .timeout = 600)
{
	goes_on_alike(&ptw_policy_learned, 16 / test_slowness() + 4);
}

Test(engine_save_policy, idle_age_goes_on_alike, .timeout = 600)
{
	goes_on_alike(&ptw_policy_idle_age, 16 / test_slowness() + 4);
}

/* The policy's state is as it was, number by number. */
Test(engine_save_policy, learned_state)
{
	static struct world a, b;
	const struct ptw_learned *l, *m;
	uint64_t bytes;
	uint8_t *image;

	saved_policy = &ptw_policy_learned;
	random_state = test_seed() | 1;
	open_world(&a, false);
	work(&a, 4000);
	image = save(&a, &bytes);
	b = a;
	b.milliseconds += 77;
	open_world(&b, false);
	cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
	l = a.group[0]->policy;
	m = b.group[0]->policy;
	cr_assert_gt(l->step, 100u);
	cr_assert_eq(l->step, m->step);
	cr_assert_eq(l->misses, m->misses);
	cr_assert_eq(l->balance, m->balance);
	cr_assert_eq(l->held[1], m->held[1]);
	cr_assert_eq(memcmp(l->events, m->events, sizeof(l->events)), 0);
	cr_assert_eq(memcmp(l->exposures, m->exposures, sizeof(l->exposures)), 0);
	cr_assert_eq(memcmp(l->rank, m->rank, sizeof(l->rank)), 0);
	for (unsigned int p = 64; p < 512; p++) {
		cr_assert_eq(l->history[p], m->history[p], "page %u", p);
		cr_assert_eq(!l->link[p], !m->link[p], "page %u", p);
	}
	close_world(&a);
	close_world(&b);
	free(image);
}

/* A group of so many spans of 64 pages. */
static void open_spans(struct world *w, unsigned int spans, unsigned int apart)
{
	memset(w, 0, sizeof(*w));
	saved_policy = &ptw_policy_learned;
	open_engine(w, (uint64_t)64 * spans * apart);
	w->group[0] = open_group(w);
	for (unsigned int span = 0; span < spans; span++)
		cr_assert_eq(ptw_group_attach(w->group[0], (uint64_t)64 * span * apart, 64), PTW_OK);
}

/* Processor time of a restore, the least of three, with every page resident. */
static clock_t restore_time(unsigned int spans, unsigned int apart)
{
	static struct world w;
	clock_t least = 0;
	uint64_t bytes;
	uint8_t *image;

	open_spans(&w, spans, apart);
	for (uint64_t n = 0; n < (uint64_t)64 * spans; n++)
		cr_assert_eq(ptw_page_add(w.engine, n / 64 * 64 * apart + n % 64), PTW_OK);
	image = save(&w, &bytes);
	ptw_engine_destroy(w.engine);
	for (unsigned int turn = 0; turn < 3; turn++) {
		clock_t took;

		open_spans(&w, spans, apart);
		took = clock();
		cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
		took = clock() - took;
		least = !turn || took < least ? took : least;
		ptw_engine_destroy(w.engine);
	}
	free(image);
	return least;
}

/* Whether a page is the group's is not asked of each span in turn: 4096 of them cost about what one does. */
Test(engine_save_policy, many_spans, .timeout = 600)
{
	const clock_t one = restore_time(4096, 1), many = restore_time(4096, 2);

	cr_log_info("one span: %ld us, 4096: %ld us", (long)one, (long)many);
	cr_assert_lt(many, 5 * one, "%ld and %ld", (long)many, (long)one);
}

/* A page that nobody has settled goes last; one that was removed meanwhile is not there. */
Test(engine_save_policy, being_evicted)
{
	static struct world a, b;
	uint64_t bytes, again_bytes, evicted;
	uint8_t *image, *again;

	saved_policy = &ptw_policy_learned;
	small_world(&a);
	for (uint64_t page = 64; page < 72; page++)
		cr_assert_eq(ptw_page_add(a.engine, page), PTW_OK);
	a.result = PTW_EVICT_PENDING;
	cr_assert_eq(ptw_group_evict(a.group[0], 4, &evicted), PTW_OK);
	cr_assert_eq(ptw_page_remove(a.engine, 66), PTW_OK);
	cr_assert_eq(ptw_page_remove(a.engine, 69), PTW_OK);
	image = save(&a, &bytes);
	small_world(&b);
	cr_assert_eq(ptw_engine_restore(b.engine, image, bytes), PTW_OK);
	check(&b);
	cr_assert_eq(state_of(b.group[0]).resident, 6u);
	again = save(&b, &again_bytes);
	cr_assert_eq(again_bytes, bytes);
	cr_assert_eq(memcmp(image, again, bytes), 0);
	b.result = PTW_EVICTED;
	cr_assert_eq(ptw_group_evict(b.group[0], 6, &evicted), PTW_OK);
	cr_assert_eq(b.gone[0], 68u);
	cr_assert_eq(b.gone[1], 70u);
	cr_assert_eq(b.gone[2], 71u);
	cr_assert_eq(b.gone[3], 64u);
	cr_assert_eq(b.gone[4], 65u);
	cr_assert_eq(b.gone[5], 67u);
	check(&b);
	for (uint64_t page = 64; page < 68; page++)
		ptw_page_settle(a.engine, page, PTW_EVICTED);
	check(&a);
	close_world(&a);
	close_world(&b);
	free(image);
	free(again);
}

static void use_small(struct world *w)
{
	uint64_t evicted;

	small_world(w);
	w->result = PTW_EVICTED;
	for (unsigned int i = 0; i < 600; i++) {
		ptw_page_add(w->engine, 64 + pick(66));
		w->young[64 + pick(8)] = true;
		if (ptw_group_wants_ageing(w->group[0]) || i % 50 == 0)
			ptw_group_age(w->group[0]);
		if (i % 3 == 0)
			ptw_group_evict(w->group[0], 2, &evicted);
		if (i % 11 == 0)
			ptw_page_remove(w->engine, 64 + pick(66));
	}
}

/* Words that wait are learned from when they are taken in: what that adds is counted before. */
Test(engine_save_policy, learned_words_that_wait)
{
	static struct world w;

	saved_policy = &ptw_policy_learned;
	for (unsigned int steps = 1; steps < 24; steps++) {
		uint64_t bytes;

		small_world(&w);
		for (unsigned int i = 0; i < steps; i++) {
			for (uint64_t page = 64 + i % 24; page < 104 + i % 24; page++) {
				ptw_page_remove(w.engine, page);
				cr_assert_eq(ptw_page_add(w.engine, page), PTW_OK);
			}
			cr_assert_eq(ptw_group_wants_ageing(w.group[0]), 1);
			cr_assert_eq(ptw_group_age(w.group[0]), PTW_OK);
		}
		ptw_engine_young(w.engine, 64, ~(uint64_t)0, 0);
		free(save(&w, &bytes));
		check(&w);
		close_world(&w);
	}
}

/* With a checksum that is wrong, or fits: refused, or exactly what is saved again; never a state
 * that contradicts itself. */
static void any_bytes(const struct ptw_policy_ops *policy, unsigned int rounds)
{
	static struct world a, w;
	uint64_t bytes, again_bytes;
	uint8_t *image, *again, *saved;
	unsigned int taken = 0;

	saved_policy = policy;
	random_state = test_seed() | 1;
	use_small(&a);
	image = save(&a, &bytes);
	close_world(&a);
	small_world(&w);
	for (unsigned int at = 0; at < bytes; at++) {
		const uint8_t flip = (uint8_t)(1 + pick(255));

		image[at] ^= flip;
		if (at % 16)
			cr_assert_lt(ptw_engine_restore(w.engine, image, bytes), 0, "byte %u", at);
		else
			refused(&w, image, bytes, 0, "byte", at);
		image[at] ^= flip;
	}
	refused(&w, image, bytes - 8, PTW_ERR_CORRUPT_BOUNDS, "cut off", 0);
	again = malloc(bytes);
	for (unsigned int round = 0; round < rounds; round++) {
		memcpy(again, image, bytes);
		for (unsigned int n = pick(3); n--;)
			again[16 + pick((unsigned int)bytes - 24)] = (uint8_t)pick(256);
		again[16 + pick((unsigned int)bytes - 24)] ^= (uint8_t)(round % 2 << pick(8));
		seal(again, bytes);
		if (ptw_engine_restore(w.engine, again, bytes)) {
			refused(&w, again, bytes, 0, "round", round);
			check(&w);
			continue;
		}
		check(&w);
		taken++;
		saved = save(&w, &again_bytes);
		cr_assert_eq(again_bytes, bytes);
		cr_assert_eq(memcmp(saved, again, bytes), 0, "round %u", round);
		free(saved);
		for (unsigned int i = 0; i < 40; i++) {
			uint64_t evicted;

			ptw_page_add(w.engine, 64 + pick(66));
			ptw_engine_young(w.engine, 64, (uint64_t)1 << pick(64), 0);
			ptw_group_wants_ageing(w.group[0]);
			ptw_group_age(w.group[0]);
			ptw_group_evict(w.group[0], 2, &evicted);
			if (i % 8 == 0)
				check(&w);
		}
		close_world(&w);
		small_world(&w);
	}
	cr_assert_gt(taken, rounds / 50);
	close_world(&w);
	free(image);
	free(again);
}

Test(engine_save_policy, learned_any_bytes, .timeout = 600)
{
	any_bytes(&ptw_policy_learned, 4000 / test_slowness());
}

Test(engine_save_policy, idle_age_any_bytes, .timeout = 600)
{
	any_bytes(&ptw_policy_idle_age, 4000 / test_slowness());
}

/* An image is of one policy, and says so. */
Test(engine_save_policy, another_policy)
{
	static const struct ptw_policy_ops *const policy[] = {
		&ptw_policy_generations, &ptw_policy_idle_age, &ptw_policy_learned};
	static struct world a, w;

	for (unsigned int i = 0; i < 3; i++)
		for (unsigned int k = 0; k < 3; k++) {
			uint64_t bytes;
			uint8_t *image;

			saved_policy = policy[i];
			small_world(&a);
			cr_assert_eq(ptw_page_add(a.engine, 70), PTW_OK);
			image = save(&a, &bytes);
			close_world(&a);
			saved_policy = policy[k];
			small_world(&w);
			if (i != k)
				refused(&w, image, bytes, PTW_ERR_POLICY, "policy", 3 * i + k);
			else
				cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
			close_world(&w);
			free(image);
		}
	cr_assert_str_eq(ptw_strerror(PTW_ERR_POLICY),
			 "saved under another policy than the engine's");
}

static struct ptw_group *group_below(struct world *w, struct ptw_group *parent, uint64_t first)
{
	const struct ptw_group_config config = {
		.size = sizeof(config), .ops = {.evict = evict}, .context = w, .parent = parent};
	struct ptw_group *group;

	cr_assert_eq(ptw_group_create(w->engine, &config, &group), PTW_OK);
	if (first)
		cr_assert_eq(ptw_group_attach(group, first, 64), PTW_OK);
	return group;
}

/* top (no regions) has a (64) and middle (no regions); middle has b (128); c (192) is by itself. By
 * `how` another one. */
static void open_tree(struct world *w, struct ptw_group *g[5], unsigned int how)
{
	memset(w, 0, sizeof(*w));
	open_engine(w, 256);
	/* Without regions below it: it does not matter. */
	if (how == 1)
		group_below(w, NULL, 0);
	g[0] = how == 2 ? NULL : group_below(w, NULL, 0);
	if (how == 1)
		g[4] = group_below(w, NULL, 192);
	g[1] = group_below(w, how == 3 ? g[0] : how == 4 ? NULL : g[0], 0);
	if (how == 4)
		g[2] = group_below(w, g[1], 64);
	else
		g[2] = group_below(w, g[0], 64);
	g[3] = group_below(w, how == 3 ? g[0] : g[1], 128);
	if (how != 1)
		g[4] = group_below(w, how == 5 ? g[0] : NULL, 192);
}

Test(engine_save_policy, tree_and_settings)
{
	static struct world a, w;
	struct ptw_group *from[5], *to[5];
	struct ptw_protection p = {.size = sizeof(p)};
	uint64_t bytes, again_bytes;
	uint8_t *image, *again;

	saved_policy = NULL;
	open_tree(&a, from, 0);
	for (unsigned int i = 0; i < 5; i++)
		cr_assert_eq(ptw_group_protect(from[i], 10 * i + 1, 10 * i + 2), PTW_OK);
	for (uint64_t page = 128; page < 192; page++)
		cr_assert_eq(ptw_page_add(a.engine, page), PTW_OK);
	cr_assert_eq(ptw_engine_min_age(a.engine, 4711), PTW_OK);
	cr_assert_eq(ptw_engine_enable(a.engine, 5), PTW_OK);
	from[3]->node.below_low = 6;
	image = save(&a, &bytes);
	close_world(&a);
	for (unsigned int how = 2; how < 6; how++) {
		open_tree(&w, to, how);
		refused(&w, image, bytes, PTW_ERR_CONFIG, "tree", how);
		cr_assert_eq(ptw_engine_enabled(w.engine), 15u);
		close_world(&w);
	}
	for (unsigned int how = 0; how < 2; how++) {
		open_tree(&w, to, how);
		/* What was set before does not count. */
		cr_assert_eq(ptw_group_protect(to[1], 500, 600), PTW_OK);
		cr_assert_eq(ptw_engine_restore(w.engine, image, bytes), PTW_OK);
		for (unsigned int i = 0; i < 5; i++) {
			cr_assert_eq(ptw_group_protection(to[i], NULL, &p), PTW_OK);
			cr_assert_eq(p.min, 10 * i + 1);
			cr_assert_eq(p.low, 10 * i + 2);
			cr_assert_eq(p.below_low, i == 3 ? 6u : 0u);
		}
		cr_assert_eq(w.engine->forest.claims, 5u);
		cr_assert_eq(w.engine->min_age, 4711u);
		cr_assert_eq(ptw_engine_enabled(w.engine), 5u);
		cr_assert_eq(ptw_group_protection(to[3], NULL, &p), PTW_OK);
		cr_assert_eq(p.usage, 64u);
		again = save(&w, &again_bytes);
		cr_assert_eq(bytes, again_bytes);
		cr_assert_eq(memcmp(image, again, bytes), 0);
		free(again);
		close_world(&w);
	}
	free(image);
}
