/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * When a step of the learned policy ends, and which pages are looked at then.
 *
 * A page is due at ages that grow by a factor: how long it went unused is known to that factor, and
 * costs only so many looks. This step's pages always are. What is read is a line of eight entries,
 * since a cache line is what reading costs.
 */
#include "lib/age/policy/learned.h"

/* Fewer misses tell nothing, and ageing costs more than they do. */
#define PTW_LEARNED_STEP_MIN 32u
/*
 * Entries that may be looked at, for each miss. What is by age comes on top of it: with 8 of them a
 * miss costs one more in the mean, and as many pages miss.
 */
#define PTW_LEARNED_BUDGET 5
/*
 * And by recency, where all steps look at as much: beyond it those that end by time are so many
 * times as long. With 8 of them lua at 75 % has 3 % more misses.
 */
#define PTW_LEARNED_BUDGET_RECENCY 12
#define PTW_LEARNED_SLOWER	   4
/* What is saved or overdrawn counts up to so many entries for each page of memory. */
#define PTW_LEARNED_DEBT 2

/*
 * By recency a page is due at the multiples of this age as well. With powers of two
 * alone a page that was used just after a look is found young as late as at twice that age, and is
 * taken for one that was used now: such pages then stay where exact LRU would put them out.
 */
#define PTW_LEARNED_REGULAR 8u

/* Ages from `start` on. The greatest power of two below PTW_LEARNED_AGES is 128. */
static uint8_t ptw_learned_ages_from(uint32_t start, uint32_t factor)
{
	uint32_t ages = 0;

	for (; start < PTW_LEARNED_AGES; start *= factor)
		ages |= start;
	return (uint8_t)ages;
}

/*
 * One level. Hot pages, of classes 1 to 3, are looked at late, since they have been used anyway.
 * The others not before the mean interval divided by `share` (0: at once): a page's use is not
 * missed much before it is likely.
 */
static void ptw_learned_schedule_level(struct ptw_learned *l, enum ptw_learned_level level,
				       uint32_t start, uint32_t factor, uint32_t hot,
				       uint32_t share)
{
	for (unsigned int c = 0; c < PTW_LEARNED_CLASSES; c++) {
		const uint32_t mean = c ? (uint32_t)1 << (c - 1) / 2 : 0;
		uint32_t from = start;

		if (share && mean / share > from)
			from = mean / share;
		if (c >= 1 && c <= 3)
			l->due[level][c] = ptw_learned_ages_from(hot, 2);
		else
			l->due[level][c] = ptw_learned_ages_from(from, factor);
	}
}

void ptw_learned_schedule(struct ptw_learned *l)
{
	ptw_learned_schedule_level(l, PTW_LEARNED_MUCH, 1, 2, 4, 2);
	ptw_learned_schedule_level(l, PTW_LEARNED_LESS, 4, 4, 8, 2);
	ptw_learned_schedule_level(l, PTW_LEARNED_LEAST, 4, 4, 8, 1);
	/* An age must not wait for a mean; sparser looks cost up to 17 % of the footprint. */
	ptw_learned_schedule_level(l, PTW_LEARNED_BY_RECENCY, 4, 2, 4, 0);
}

/* Time goes on from where it was saved, whatever the clock of who restored said then. */
uint64_t ptw_learned_time(const struct ptw_learned *l, uint64_t now)
{
	return now > l->clock_from ? l->clock_at + (now - l->clock_from) : l->clock_at;
}

/* The first time told is where time begins. It does not go back. */
void ptw_learned_clock(struct ptw_learned *l, uint64_t now)
{
	now = ptw_learned_time(l, now);
	if (!l->started) {
		l->started = true;
		l->origin = l->step_began = l->now = now;
		l->origin_misses = l->misses;
	}
	if (now > l->now)
		l->now = now;
}

/* Of time a * b / c, or the greatest there is. */
static uint64_t ptw_learned_share(uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t whole;

	/* b is at most 2^30, so that the rest fits; what is lost of c does not matter. */
	while (c >> 32) {
		a >>= 1;
		c >>= 1;
	}
	if (__builtin_mul_overflow(a / c, b, &whole) ||
	    __builtin_add_overflow(whole, a % c * b / c, &whole))
		return UINT64_MAX;
	return whole;
}

/*
 * A step has a 32nd of memory's misses. When there are fewer than usual it ends by time instead,
 * after as long as these misses took on average, with the least to look at twice as long: where all
 * fits in, ages would stand still, and what the program does next would find pages ordered as they
 * were long ago. By recency with too much looked at it is four times as long: nothing else is saved
 * there, and most of these steps find what the last one found.
 */
bool ptw_learned_step_over(const struct ptw_learned *l, uint64_t resident)
{
	uint64_t length = resident / PTW_LEARNED_STEPS, time;

	if (length < PTW_LEARNED_STEP_MIN)
		length = PTW_LEARNED_STEP_MIN;
	if (l->step_misses >= length)
		return true;
	if (ptw_learned_filling(l, resident) || l->now == l->step_began)
		return false;
	if (l->level == PTW_LEARNED_LEAST)
		length *= 2;
	if (l->rule == PTW_LEARNED_RECENCY && l->debt > 0)
		length *= PTW_LEARNED_SLOWER;
	time = ptw_learned_share(l->now - l->origin, length, l->misses - l->origin_misses + 1);
	return l->now - l->step_began >= time;
}

/* How much the next step may look at. */
void ptw_learned_budget(struct ptw_learned *l, uint64_t resident)
{
	const int64_t most = (int64_t)resident * PTW_LEARNED_DEBT;
	const int64_t pay =
		l->rule == PTW_LEARNED_RECENCY ? PTW_LEARNED_BUDGET_RECENCY : PTW_LEARNED_BUDGET;

	l->debt += (int64_t)l->entries - (int64_t)l->step_misses * pay;
	l->entries = 0;
	if (l->debt > most)
		l->debt = most;
	if (l->debt < -most)
		l->debt = -most;
	if (l->debt < -most / 2)
		l->level = PTW_LEARNED_MUCH;
	else
		l->level = l->debt < 0 ? PTW_LEARNED_LESS : PTW_LEARNED_LEAST;
	/* By recency everything hangs on it: no savings there. */
	if (l->rule == PTW_LEARNED_RECENCY)
		l->level = PTW_LEARNED_MUCH;
}

/* Resident pages of a line's part, from a page on. */
static unsigned int ptw_learned_line(const struct ptw_learned *l, uint64_t from, uint64_t end)
{
	unsigned int n = 0;

	for (uint64_t p = from; p < end; p++)
		n += ptw_learned_queued(l, (uint32_t)p);
	return n;
}

static bool ptw_learned_regular(uint32_t level, uint8_t age)
{
	return level == PTW_LEARNED_BY_RECENCY && age && age % PTW_LEARNED_REGULAR == 0;
}

static bool ptw_learned_line_due(const struct ptw_learned *l, uint64_t from, uint64_t end)
{
	const uint32_t level =
		l->rule == PTW_LEARNED_RECENCY ? (uint32_t)PTW_LEARNED_BY_RECENCY : l->level;

	for (uint32_t p = (uint32_t)from; p < end; p++) {
		const uint8_t age = (uint8_t)(l->step - l->seen[p]);

		const bool regular = ptw_learned_regular(level, age);

		/* Most ages are no power of two. */
		if (((age & (age - 1)) && !regular) || !ptw_learned_queued(l, p))
			continue;
		if (!age || regular || (l->due[level][ptw_learned_class(l, p)] & age))
			return true;
	}
	return false;
}

uint64_t ptw_learned_next(void *state, uint64_t from, uint64_t *pages)
{
	struct ptw_learned *l = state;

	for (uint32_t s = 0; s < l->spans; s++) {
		const uint64_t end = l->span[s].end;
		uint64_t first = UINT64_MAX, line_end;

		for (uint64_t p = from > l->span[s].first ? from : l->span[s].first; p < end;
		     p = line_end) {
			line_end = p / PTW_LEARNED_LINE * PTW_LEARNED_LINE + PTW_LEARNED_LINE;
			if (line_end > end)
				line_end = end;
			if (ptw_learned_line_due(l, p, line_end)) {
				l->entries += ptw_learned_line(l, p, line_end);
				if (first == UINT64_MAX)
					first = p;
				*pages = line_end - first;
			} else if (first != UINT64_MAX) {
				return first;
			}
		}
		if (first != UINT64_MAX)
			return first;
	}
	return UINT64_MAX;
}

/* Finding a page young at the last look reads its line, too. */
void ptw_learned_looked_around(struct ptw_learned *l, uint32_t page)
{
	const uint64_t from = page / PTW_LEARNED_LINE * PTW_LEARNED_LINE;
	const uint64_t end = from + PTW_LEARNED_LINE;

	l->entries += ptw_learned_line(l, from, end < l->pages ? end : l->pages);
}
