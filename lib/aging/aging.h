/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the files of a source share.
 *
 * Runs are a table, sorted by their first page in the engine and replaced whole. Who uses a run
 * looks it up in a read-side section and counts himself in, beyond the section; detaching closes
 * the count and waits until it is zero.
 *
 * Each run has, for each region of 512 pages, a bit `due` (it is to be read: a table was gone through, something was
 * left behind there, or the filter names it), a bit `blind` (table entries do not tell of it) and a
 * byte (how often it was left out since it was read). All are changed by atomics alone, so harvests
 * of parts of a run and last looks may meet.
 */
#ifndef PTW_LIB_AGING_H
#define PTW_LIB_AGING_H

#include <ptw/aging.h>
#include <ptw/ask.h>
#include <ptw/consumer.h>
#include <ptw/engine_enable.h>
#include <ptw/error.h>
#include <ptw/port.h>
#include <ptw/thread.h>

/* Of `users`: no more of them. */
#define PTW_AGING_CLOSED ((uint64_t)1 << 63)

struct ptw_aging_home {
	struct ptw_aging_run run;
	struct ptw_consumer *consumer;
	uint64_t users;
	uint64_t regions;
	uint64_t effort; /* of the last harvest; what secondary MMUs told is lost to one that asks the primary alone */
	uint64_t cursor; /* page of the run where a harvest goes on that was ended; 0: at its beginning */
	struct ptw_port_rcu_head rcu;
	size_t bytes;
	uint64_t *due;
	uint64_t *blind;
	uint64_t *idle; /* bytes, 8 to a word */
};

struct ptw_aging_table {
	struct ptw_port_rcu_head rcu;
	size_t bytes;
	uint64_t count;
	struct ptw_aging_home *home[];
};

struct ptw_aging {
	struct ptw_aging_config config;
	uint64_t full_every;
	uint64_t table;	   /* address of struct ptw_aging_table */
	uint64_t changing; /* 1: somebody attaches or detaches */
	/* Relaxed counters. */
	struct ptw_aging_state sum;
};

/*
 * The first run with pages from `page` on, below `end`, to be used until ptw_aging_put(). Null: there is none.
 */
struct ptw_aging_home *ptw_aging_get(struct ptw_aging *aging, uint64_t page, uint64_t end);
void ptw_aging_put(struct ptw_aging_home *home);

/* The callbacks of a group. */
int ptw_aging_harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink);
int ptw_aging_look(void *context, uint64_t page, uint64_t *around);
int ptw_aging_evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result);

static inline void ptw_aging_count(uint64_t *counter, uint64_t n)
{
	if (n)
		ptw_port_add64(counter, n);
}

static inline bool ptw_aging_bit(const uint64_t *words, uint64_t bit)
{
	return ptw_port_load(&words[bit / 64]) >> (bit & 63) & 1;
}

static inline void ptw_aging_set(uint64_t *words, uint64_t bit)
{
	const uint64_t mask = (uint64_t)1 << (bit & 63);

	if (!(ptw_port_load(&words[bit / 64]) & mask))
		ptw_port_or64(&words[bit / 64], mask);
}

#endif /* PTW_LIB_AGING_H */
