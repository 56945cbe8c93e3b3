/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Scheduled port: memory. Every thread allocates from its own part of the arena, so that addresses
 * do not depend on the schedule, and a freed table is not handed out again unless a scenario asks
 * for that: what points to it then points to a table that is known to be free.
 */
#include "tests/schedule/schedule_memory.h"

#include <string.h>

#include <ptw/error.h>
#include <ptw/port.h>

#include "tests/schedule/scheduler.h"

#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#define forbid(p, bytes) __asan_poison_memory_region(p, bytes)
#define allow(p, bytes)	 __asan_unpoison_memory_region(p, bytes)
#else
#define forbid(p, bytes) ((void)(p), (void)(bytes))
#define allow(p, bytes)	 ((void)(p), (void)(bytes))
#endif

#define OWNERS	   (SCHEDULER_THREADS + 1)
#define PER_OWNER  32u
#define TABLES	   (OWNERS * PER_OWNER)
#define TABLE_LG2  12u
#define META_BYTES 64u
#define HEAP_BYTES ((size_t)32 << 10)
#define PIECE	   64u /* handles are whole pieces */
#define PIECES	   (OWNERS * HEAP_BYTES / PIECE)
#define SPARES	   16u
#define POISON	   0xa5

enum table_state {
	UNUSED,
	LIVE,
	FREED
};

struct table_shadow {
	uint8_t state;
	uint8_t allocator;
	uint32_t stamp; /* how much its allocator had written to entries by then */
};

struct ptw_pool {
	size_t table_bytes;
};

static struct {
	uint8_t tables[TABLES << TABLE_LG2] __attribute__((aligned(4096)));
	uint8_t root[1 << TABLE_LG2];
	uint8_t meta[TABLES][META_BYTES];
	uint8_t heap[OWNERS][HEAP_BYTES] __attribute__((aligned(64)));
} arena __attribute__((aligned(4096)));

/* What the arena cannot say about itself. */
struct state {
	struct table_shadow shadow[TABLES];
	size_t heap_used[OWNERS];
	uint8_t piece[PIECES]; /* enum table_state */
	/* Freed handles, to be handed out again if memory is reused. */
	struct {
		uint8_t *memory;
		size_t bytes;
	} spare[SPARES];
	unsigned int spares;
	unsigned int tables_used[OWNERS];
	unsigned int tables_live;
	size_t bytes_live;
	uint32_t writes[OWNERS];
	int last_freed; /* chained through `next_freed`, if reused */
	int16_t next_freed[TABLES];
	bool root_used;
	bool reuse;
};

static struct state now, saved;
static struct {
	uint8_t tables[PER_OWNER << TABLE_LG2];
	uint8_t root[1 << TABLE_LG2];
	uint8_t meta[PER_OWNER][META_BYTES];
	uint8_t heap[HEAP_BYTES];
} image;
static unsigned int table_lg2 = TABLE_LG2;

#define OUTSIDE_TABLES (&arena.tables[(size_t)SCHEDULER_OUTSIDE * PER_OWNER << table_lg2])

void schedule_memory_reset(bool reuse)
{
	allow(&arena, sizeof(arena));
	memset(&now, 0, sizeof(now));
	now.last_freed = -1;
	now.reuse = reuse;
}

void schedule_memory_save(void)
{
	const size_t n = now.tables_used[SCHEDULER_OUTSIDE];

	allow(&arena, sizeof(arena));
	saved = now;
	memcpy(image.tables, OUTSIDE_TABLES, n << table_lg2);
	memcpy(image.meta, arena.meta[SCHEDULER_OUTSIDE * PER_OWNER], n * META_BYTES);
	memcpy(image.root, arena.root, sizeof(image.root));
	memcpy(image.heap, arena.heap[SCHEDULER_OUTSIDE], now.heap_used[SCHEDULER_OUTSIDE]);
}

void schedule_memory_restore(void)
{
	const size_t n = saved.tables_used[SCHEDULER_OUTSIDE];

	allow(&arena, sizeof(arena));
	now = saved;
	memcpy(OUTSIDE_TABLES, image.tables, n << table_lg2);
	memcpy(arena.meta[SCHEDULER_OUTSIDE * PER_OWNER], image.meta, n * META_BYTES);
	/* Of the root only what there is of it. */
	memcpy(arena.root, image.root, (size_t)1 << table_lg2);
	memcpy(arena.heap[SCHEDULER_OUTSIDE], image.heap, saved.heap_used[SCHEDULER_OUTSIDE]);
}

unsigned int schedule_tables_live(void)
{
	return now.tables_live;
}

size_t schedule_bytes_live(void)
{
	return now.bytes_live;
}

static const char *const op_names[] = {
	"load",		 "load",   "compare-exchange", "exchange", "and-clear", "or-set", "publish",
	"init of entry", "load32", "store32",	       "add32",	   "add64",	"or64",
};

/* Which table, or -1; `meta`: which one's metadata. */
static SCHEDULER_INVISIBLE int table_of(const void *address, bool *meta)
{
	const size_t tables = (uintptr_t)address - (uintptr_t)arena.tables;
	const size_t metas = (uintptr_t)address - (uintptr_t)arena.meta;

	*meta = metas < sizeof(arena.meta);
	if (*meta)
		return (int)(metas / META_BYTES);
	return tables < (size_t)TABLES << table_lg2 ? (int)(tables >> table_lg2) : -1;
}

/* Which piece of a handle, or -1. */
static SCHEDULER_INVISIBLE int piece_of(const void *address)
{
	const size_t at = (uintptr_t)address - (uintptr_t)arena.heap;

	return at < sizeof(arena.heap) ? (int)(at / PIECE) : -1;
}

static SCHEDULER_INVISIBLE bool reads_only(int op)
{
	return op == PTW_OP_LOAD || op == PTW_OP_LOAD_TABLE || op == PTW_OP_LOAD32;
}

/* Looks in a row at what does not change, before which others may run. More of them lead nowhere else. */
#define LOOKS 2

/*
 * Before each access. Filling a private table is no scheduling point, since nobody else can be
 * there; whether it is private is told by its allocator not having written to any entry since.
 */
SCHEDULER_INVISIBLE void schedule_access(int op, const void *address)
{
	const uintptr_t location = (uintptr_t)address - (uintptr_t)&arena + 64;
	unsigned int self = scheduler_self();
	bool meta;
	int t = table_of(address, &meta), piece = piece_of(address);

	if (reads_only(op) && scheduler_rereads(location) >= LOOKS) {
		scheduler_event(location, false);
		return;
	}
	if (op != PTW_OP_INIT_ENTRY || t < 0 || now.shadow[t].allocator != self ||
	    now.shadow[t].stamp != now.writes[self])
		scheduler_point();
	/* Only now: others have run meanwhile. */
	if (t >= 0 && now.shadow[t].state != LIVE)
		scheduler_fail("thread %u: %s of %s of a table that is %s", self, op_names[op],
			       meta ? "the metadata" : "an entry",
			       now.shadow[t].state == FREED ? "freed" : "no table");
	if (piece >= 0 && now.piece[piece] != LIVE)
		scheduler_fail("thread %u: %s of a word in memory that is %s", self, op_names[op],
			       now.piece[piece] == FREED ? "freed" : "no handle");
	if (op >= PTW_OP_CAS && op <= PTW_OP_PUBLISH)
		now.writes[self]++;
	scheduler_event(location, !reads_only(op));
}

static SCHEDULER_INVISIBLE void mark(const uint8_t *memory, size_t bytes, enum table_state state)
{
	const size_t first = (size_t)(memory - &arena.heap[0][0]) / PIECE;

	for (size_t i = 0; i < bytes / PIECE; i++)
		now.piece[first + i] = state;
}

/* A handle that was freed, of the same size; null: none. */
static SCHEDULER_INVISIBLE uint8_t *take_spare(size_t bytes)
{
	uint8_t *memory;

	for (unsigned int i = now.spares; i--;) {
		if (now.spare[i].bytes != bytes)
			continue;
		memory = now.spare[i].memory;
		now.spare[i] = now.spare[--now.spares];
#ifdef PTW_TSAN
		__tsan_acquire(memory);
#endif
		return memory;
	}
	return NULL;
}

SCHEDULER_INVISIBLE void *ptw_port_zalloc(size_t bytes)
{
	const unsigned int self = scheduler_self();
	const size_t round = (bytes + PIECE - 1) & ~(size_t)(PIECE - 1);
	uint8_t *memory = NULL;

	if (now.reuse) {
		scheduler_point();
		scheduler_event(SCHEDULER_AT_POOL, true);
		memory = take_spare(round);
	}
	if (!memory) {
		if (now.heap_used[self] + round > HEAP_BYTES)
			return NULL;
		memory = &arena.heap[self][now.heap_used[self]];
		now.heap_used[self] += round;
	}
	mark(memory, round, LIVE);
	now.bytes_live += bytes;
	allow(memory, round);
	memset(memory, 0, bytes);
	return memory;
}

SCHEDULER_INVISIBLE void ptw_port_free(void *memory, size_t bytes)
{
	const size_t round = (bytes + PIECE - 1) & ~(size_t)(PIECE - 1);
	const int piece = piece_of(memory);

	if (!memory)
		return;
	if (piece < 0 || now.piece[piece] != LIVE)
		scheduler_fail("memory is freed that is no handle in use");
	now.bytes_live -= bytes;
	mark(memory, round, FREED);
	/* Plain writes, as with tables. */
	memset(memory, POISON, round);
	if (now.reuse) {
		scheduler_event(SCHEDULER_AT_POOL, true);
		if (now.spares < SPARES) {
			now.spare[now.spares].memory = memory;
			now.spare[now.spares++].bytes = round;
		}
#ifdef PTW_TSAN
		__tsan_release(memory);
#endif
	}
	forbid(memory, round);
}

int ptw_port_pool_create(const struct ptw_pool_config *config, size_t table_bytes,
			 size_t meta_bytes, struct ptw_pool **pool)
{
	(void)config;
	if (table_bytes > (size_t)1 << TABLE_LG2 || meta_bytes > META_BYTES)
		return PTW_ERR_CONFIG;
	*pool = ptw_port_zalloc(sizeof(**pool));
	if (!*pool)
		return PTW_ERR_NOMEM;
	(*pool)->table_bytes = table_bytes;
	table_lg2 = (unsigned int)__builtin_ctzl(table_bytes);
	return PTW_OK;
}

void ptw_port_pool_destroy(struct ptw_pool *pool)
{
	if (now.tables_live)
		scheduler_fail("the pool is destroyed with %u tables in use", now.tables_live);
	ptw_port_free(pool, sizeof(*pool));
}

static SCHEDULER_INVISIBLE int take_table(unsigned int self)
{
	int t = now.last_freed;

	if (now.reuse && t >= 0)
		now.last_freed = now.next_freed[t];
	else if (now.tables_used[self] < PER_OWNER)
		t = (int)(self * PER_OWNER + now.tables_used[self]++);
	else
		return -1;
	now.shadow[t] = (struct table_shadow){
		.state = LIVE, .allocator = (uint8_t)self, .stamp = now.writes[self]};
	now.tables_live++;
	return t;
}

void *ptw_port_table_alloc(struct ptw_pool *pool, unsigned int level)
{
	int t;

	(void)level;
	if (now.reuse) {
		scheduler_point();
		scheduler_event(SCHEDULER_AT_POOL, true);
	}
	t = take_table(scheduler_self());
	if (t < 0)
		return NULL;
#ifdef PTW_TSAN
	/* What a real pool's lock would order. */
	if (now.reuse)
		__tsan_acquire(&arena.meta[t]);
#endif
	allow(&arena.tables[(size_t)t << table_lg2], pool->table_bytes);
	allow(arena.meta[t], META_BYTES);
	memset(arena.meta[t], 0, META_BYTES);
	return &arena.tables[(size_t)t << table_lg2];
}

static SCHEDULER_INVISIBLE void put_table(int t)
{
	if (t < 0 || now.shadow[t].state != LIVE)
		scheduler_fail("a table is freed that is no table in use");
	now.shadow[t].state = FREED;
	now.tables_live--;
	now.next_freed[t] = (int16_t)now.last_freed;
	if (now.reuse)
		now.last_freed = t;
}

void ptw_port_table_free(struct ptw_pool *pool, void *table)
{
	const size_t at = (size_t)((uint8_t *)table - arena.tables);
	const int t = at < (size_t)TABLES << table_lg2 ? (int)(at >> table_lg2) : -1;

	scheduler_event(SCHEDULER_AT_POOL, now.reuse);
	put_table(t);
	/* Plain writes: ThreadSanitizer reports whatever the grace period does not order. */
	memset(table, POISON, pool->table_bytes);
	memset(arena.meta[t], POISON, META_BYTES);
#ifdef PTW_TSAN
	if (now.reuse)
		__tsan_release(&arena.meta[t]);
#endif
	forbid(table, pool->table_bytes);
	forbid(arena.meta[t], META_BYTES);
}

void *ptw_port_table_meta(const struct ptw_pool *pool, const void *table)
{
	(void)pool;
	return arena.meta[(size_t)((const uint8_t *)table - arena.tables) >> table_lg2];
}

void *ptw_port_run_alloc(struct ptw_pool *pool, size_t bytes)
{
	(void)pool;
	if (now.root_used || bytes > sizeof(arena.root))
		return NULL;
	now.root_used = true;
	return arena.root;
}

void ptw_port_run_free(struct ptw_pool *pool, void *memory, size_t bytes)
{
	(void)pool;
	(void)memory;
	(void)bytes;
	now.root_used = false;
}

SCHEDULER_INVISIBLE uint64_t ptw_port_pool_bytes(const struct ptw_pool *pool)
{
	return now.tables_live * (pool->table_bytes + META_BYTES);
}

uint32_t ptw_port_cpu_features(void)
{
	return 0;
}
