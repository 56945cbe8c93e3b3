/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Userspace port: the arena tables come from.
 *
 * A chunk is aligned to its size; metadata stands in front, tables behind, so that a table's
 * metadata is found from its address:
 *
 *   | header | metadata of table 0, 1, ... | (padding) | table 0 | table 1 | ... |
 *
 * Free tables are chained through their metadata; their memory is marked, so that AddressSanitizer and
 * ThreadSanitizer report any use of it. A pool has a lock, taken by writers that need a table and by
 * the callbacks that give one back, never by a walk or a harvest, and never around the caller's
 * allocator. Around that there is a second one, `source`, taken before the first by writers that found
 * no table.
 */
#include <pthread.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <ptw/error.h>
#include <ptw/pool.h>
#include <ptw/port.h>

#if defined(__SANITIZE_ADDRESS__)
#define PTW_POOL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PTW_POOL_ASAN 1
#endif
#endif

#ifdef PTW_POOL_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) ((void)(address), (void)(size))
#endif

#define CHUNK_LG2_DEFAULT 21
#define CHUNK_LG2_MAX 30
/* Default chunks hold about this many tables at least, so that metadata fills the pages it takes. */
#define CHUNK_TABLES 512

#define HUGE_BYTES ((size_t)1 << 21)
/* See PTW_POOL_HUGE_ALWAYS. Processors keep some thousand translations of 4 KiB. */
#define HUGE_FROM ((uint64_t)32 << 20)

/*
 * Leaf tables and tables above them come from chunks of their own, but for the first chunk, which has both: harvests
 * that leave out what was not accessed read many tables above leaf tables and few of these, and next to each other
 * they are few pages to translate and one stream to fetch.
 */
enum {
	PTW_POOL_LEAVES,
	PTW_POOL_ABOVE,
	PTW_POOL_KINDS
};

struct ptw_chunk {
	struct ptw_chunk *next;
	uint32_t used; /* tables handed out at least once: the rest of the chunk is untouched */
	uint16_t kind; /* of its tables; the first chunk's count as leaf tables */
	uint16_t huge; /* 1: by huge pages */
};

struct ptw_pool {
	pthread_mutex_t source; /* who holds it grows the pool */
	pthread_mutex_t lock;
	void *(*chunk_alloc)(void *context, size_t bytes, size_t align);
	void (*chunk_free)(void *context, void *memory, size_t bytes);
	void *context;
	uint32_t flags; /* enum ptw_pool_flag */
	struct ptw_chunk *chunks;
	uint64_t chunk_count; /* read without the lock, too */
	struct ptw_chunk *open[PTW_POOL_KINDS]; /* the ones with untouched tables, or null */
	void *free[PTW_POOL_KINDS];
	size_t table_bytes;
	size_t meta_bytes;
	size_t chunk_bytes;
	size_t first; /* offset of table 0 in a chunk */
	uint32_t per_chunk;
	uint64_t live; /* tables handed out, or promised to who grows the pool */
	uint64_t max_tables;
	bool exhausted; /* there was no memory, and no table has come back since */
	uint64_t bytes; /* touched; read without the lock */
};

static size_t round_up(size_t n, size_t to)
{
	return (n + to - 1) / to * to;
}

/* mmap aligns to pages only: map twice the size and give back the ends. */
static void *ptw_mmap_alloc(void *context, size_t bytes, size_t align)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t slack = align > page ? align : 0;
	char *base, *memory;

	(void)context;
	bytes = round_up(bytes, page);
	base = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (base == MAP_FAILED)
		return NULL;
	memory = slack ? (char *)round_up((size_t)base, align) : base;
	if (memory != base)
		munmap(base, (size_t)(memory - base));
	if (slack && memory + bytes != base + bytes + slack)
		munmap(memory + bytes, (size_t)(base + slack - memory));
	return memory;
}

static void ptw_mmap_free(void *context, void *memory, size_t bytes)
{
	(void)context;
	munmap(memory, round_up(bytes, (size_t)sysconf(_SC_PAGESIZE)));
}

static void ptw_pool_layout(struct ptw_pool *pool, uint32_t chunk_lg2)
{
	size_t header = round_up(sizeof(struct ptw_chunk), 16);
	size_t need = round_up(header + pool->meta_bytes, pool->table_bytes) + pool->table_bytes;
	size_t n;

	while (((size_t)1 << chunk_lg2) < need)
		chunk_lg2++;
	pool->chunk_bytes = (size_t)1 << chunk_lg2;
	n = (pool->chunk_bytes - header) / (pool->table_bytes + pool->meta_bytes);
	while (round_up(header + n * pool->meta_bytes, pool->table_bytes) +
		       n * pool->table_bytes > pool->chunk_bytes)
		n--;
	pool->per_chunk = (uint32_t)n;
	pool->first = round_up(header + n * pool->meta_bytes, pool->table_bytes);
}

int ptw_port_pool_create(const struct ptw_pool_config *config, size_t table_bytes,
			 size_t meta_bytes, struct ptw_pool **out)
{
	uint32_t chunk_lg2 = CHUNK_LG2_DEFAULT;
	struct ptw_pool *pool;

	while (table_bytes * CHUNK_TABLES > (size_t)1 << chunk_lg2)
		chunk_lg2++;
	if (config && config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	if (config && (!config->chunk_alloc != !config->chunk_free ||
		       config->chunk_lg2 > CHUNK_LG2_MAX ||
		       config->flags > PTW_POOL_HUGE_NEVER + 0u ||
		       (config->chunk_alloc && (config->flags & PTW_POOL_HUGE_ALWAYS))))
		return PTW_ERR_ARG;
	pool = ptw_port_zalloc(sizeof(*pool));
	if (!pool)
		return PTW_ERR_NOMEM;
	pthread_mutex_init(&pool->source, NULL);
	pthread_mutex_init(&pool->lock, NULL);
	pool->chunk_alloc = ptw_mmap_alloc;
	pool->chunk_free = ptw_mmap_free;
	if (config) {
		if (config->chunk_alloc) {
			pool->chunk_alloc = config->chunk_alloc;
			pool->chunk_free = config->chunk_free;
			pool->context = config->context;
		}
		if (config->chunk_lg2)
			chunk_lg2 = config->chunk_lg2;
		pool->flags = config->flags;
		pool->max_tables = config->max_tables;
	}
	pool->table_bytes = table_bytes;
	pool->meta_bytes = meta_bytes;
	ptw_pool_layout(pool, chunk_lg2);
	*out = pool;
	return PTW_OK;
}

/* A free table: any access is a mistake now. */
static void ptw_table_mark_free(void *table, size_t bytes)
{
#ifdef PTW_TSAN
	/* Plain writes, which conflict with every access that the grace period does not order. */
	memset(table, 0xa5, bytes);
#endif
	ASAN_POISON_MEMORY_REGION(table, bytes);
}

void ptw_port_pool_destroy(struct ptw_pool *pool)
{
	struct ptw_chunk *chunk, *next;

	for (chunk = pool->chunks; chunk; chunk = next) {
		next = chunk->next;
		ASAN_UNPOISON_MEMORY_REGION(chunk, pool->chunk_bytes);
		pool->chunk_free(pool->context, chunk, pool->chunk_bytes);
	}
	pthread_mutex_destroy(&pool->lock);
	pthread_mutex_destroy(&pool->source);
	ptw_port_free(pool, sizeof(*pool));
}

/* What is not aligned would break the way from a table to its metadata. */
static void *ptw_chunk_get(struct ptw_pool *pool, size_t bytes)
{
	void *memory = pool->chunk_alloc(pool->context, bytes, bytes);

	if (memory && ((uintptr_t)memory & (bytes - 1))) {
		pool->chunk_free(pool->context, memory, bytes);
		memory = NULL;
	}
	return memory;
}

/*
 * Has the kernel given a huge page, for 2 MiB of which only the first bytes were touched? Then the
 * last page is there, too.
 */
static bool ptw_mmap_is_huge(char *memory)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	unsigned char there = 0;

	return page < HUGE_BYTES && !mincore(memory + HUGE_BYTES - page, page, &there) && (there & 1);
}

/*
 * Begin a chunk, and say before it is touched whether it may have huge pages: with them one byte
 * makes 2 MiB resident. Outside of `lock`: the kernel may have to clear them here.
 */
static void ptw_chunk_init(const struct ptw_pool *pool, struct ptw_chunk *chunk)
{
	const bool ours = pool->chunk_alloc == ptw_mmap_alloc && pool->chunk_bytes >= HUGE_BYTES;
	/* Relaxed: a chunk more or less is no matter. */
	const bool large = ptw_port_load(&pool->chunk_count) * pool->chunk_bytes >= HUGE_FROM;
	const bool huge = pool->flags ? pool->flags & PTW_POOL_HUGE_ALWAYS : large;
	bool granted = false;

	/* A kernel that has none answers with an error; all is well then, too. */
	if (ours)
		granted = !madvise(chunk, pool->chunk_bytes,
				   huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE) && huge;
	chunk->used = 0;
	chunk->huge = granted && ptw_mmap_is_huge((char *)chunk);
}

/*
 * Touched memory of a chunk of which `used` tables have been handed out; the rest is only address
 * space.
 */
static uint64_t ptw_chunk_bytes(const struct ptw_pool *pool, const struct ptw_chunk *chunk,
				uint32_t used)
{
	const size_t meta = round_up(sizeof(struct ptw_chunk), 16) + used * pool->meta_bytes;
	size_t first, end;

	if (!chunk->huge)
		return round_up(meta, 4096) + used * pool->table_bytes;
	/* Huge pages with metadata, then those with nothing but tables. */
	first = round_up(meta, HUGE_BYTES);
	end = round_up(pool->first + used * pool->table_bytes, HUGE_BYTES);
	return used && end > first ? end : first;
}

static struct ptw_chunk *ptw_chunk_of(const struct ptw_pool *pool, const void *table)
{
	return (struct ptw_chunk *)((uintptr_t)table & ~(uintptr_t)(pool->chunk_bytes - 1));
}

/* A table that was free, or was never used; null: a chunk is needed. Locked. */
static void *ptw_pool_take_kind(struct ptw_pool *pool, unsigned int kind)
{
	struct ptw_chunk *chunk = pool->open[kind];
	void *table = pool->free[kind];

	if (table) {
		memcpy(&pool->free[kind], ptw_port_table_meta(pool, table), sizeof(table));
		ASAN_UNPOISON_MEMORY_REGION(table, pool->table_bytes);
	} else if (chunk) {
		table = (char *)chunk + pool->first + pool->table_bytes * chunk->used++;
		ptw_port_add64(&pool->bytes, ptw_chunk_bytes(pool, chunk, chunk->used) -
					     ptw_chunk_bytes(pool, chunk, chunk->used - 1));
		if (chunk->used == pool->per_chunk)
			pool->open[kind] = NULL;
	}
	return table;
}

/* The same; the first chunk has tables of every kind. Locked. */
static void *ptw_pool_take(struct ptw_pool *pool, unsigned int kind)
{
	return ptw_pool_take_kind(pool, pool->chunk_count > 1 ? kind : PTW_POOL_LEAVES);
}

/* Both locks held, and no untouched table of the kind left in any other. */
static void ptw_pool_add(struct ptw_pool *pool, struct ptw_chunk *chunk, unsigned int kind)
{
	chunk->kind = pool->chunks ? (uint16_t)kind : PTW_POOL_LEAVES;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	pool->open[chunk->kind] = chunk;
	ptw_port_add64(&pool->chunk_count, 1);
	ptw_port_add64(&pool->bytes, ptw_chunk_bytes(pool, chunk, 0));
}

/*
 * A table of the other kind instead of a new chunk, where these are plenty or there is no memory: so kinds cost
 * a chunk or two, not twice what was ever needed. Locked.
 */
static void *ptw_pool_take_other(struct ptw_pool *pool, unsigned int kind)
{
	const uint64_t tables = pool->chunk_count * pool->per_chunk;

	/* `live` has counted the one that is wanted. */
	if (!pool->exhausted && (!pool->free[!kind] || tables - (pool->live - 1) < pool->per_chunk))
		return NULL;
	return ptw_pool_take(pool, !kind);
}

/* A table that the budget has room for, but of which there was none. */
static void *ptw_pool_grow(struct ptw_pool *pool, unsigned int kind)
{
	struct ptw_chunk *chunk;
	void *table;

	pthread_mutex_lock(&pool->source);
	pthread_mutex_lock(&pool->lock);
	/* Whoever held `source` meanwhile may have left some. */
	table = ptw_pool_take(pool, kind);
	if (!table)
		table = ptw_pool_take_other(pool, kind);
	pthread_mutex_unlock(&pool->lock);
	if (!table) {
		chunk = ptw_chunk_get(pool, pool->chunk_bytes);
		if (chunk)
			ptw_chunk_init(pool, chunk);
		pthread_mutex_lock(&pool->lock);
		if (chunk)
			ptw_pool_add(pool, chunk, kind);
		pool->exhausted = !chunk;
		/* Without one, a table may have come back meanwhile, or one of the other kind has to do. */
		table = ptw_pool_take(pool, kind);
		if (!table)
			table = ptw_pool_take(pool, !kind);
		if (!table)
			pool->live--;
		pthread_mutex_unlock(&pool->lock);
	}
	pthread_mutex_unlock(&pool->source);
	return table;
}

void *ptw_port_table_alloc(struct ptw_pool *pool, unsigned int level)
{
	const unsigned int kind = level ? PTW_POOL_ABOVE : PTW_POOL_LEAVES;
	void *table = NULL;
	bool room;

	pthread_mutex_lock(&pool->lock);
	room = !pool->max_tables || pool->live < pool->max_tables;
	if (room) {
		table = ptw_pool_take(pool, kind);
		/* Counted at once: others look at the budget while this one grows the pool. */
		pool->live++;
	}
	pthread_mutex_unlock(&pool->lock);
	if (room && !table)
		table = ptw_pool_grow(pool, kind);
	if (table)
		memset(ptw_port_table_meta(pool, table), 0, pool->meta_bytes);
	return table;
}

void ptw_port_table_free(struct ptw_pool *pool, void *table)
{
	void **free = &pool->free[ptw_chunk_of(pool, table)->kind];

	ptw_table_mark_free(table, pool->table_bytes);
	pthread_mutex_lock(&pool->lock);
	memcpy(ptw_port_table_meta(pool, table), free, sizeof(*free));
	*free = table;
	pool->exhausted = false;
	pool->live--;
	pthread_mutex_unlock(&pool->lock);
}

void *ptw_port_table_meta(const struct ptw_pool *pool, const void *table)
{
	struct ptw_chunk *chunk = ptw_chunk_of(pool, table);
	size_t index = ((uintptr_t)table - (uintptr_t)chunk - pool->first) / pool->table_bytes;

	return (char *)chunk + round_up(sizeof(struct ptw_chunk), 16) + index * pool->meta_bytes;
}

void *ptw_port_run_alloc(struct ptw_pool *pool, size_t bytes)
{
	void *memory = ptw_chunk_get(pool, bytes);

	if (memory)
		ptw_port_add64(&pool->bytes, bytes);
	return memory;
}

void ptw_port_run_free(struct ptw_pool *pool, void *memory, size_t bytes)
{
	pool->chunk_free(pool->context, memory, bytes);
	ptw_port_add64(&pool->bytes, -(uint64_t)bytes);
}

uint64_t ptw_port_pool_bytes(const struct ptw_pool *pool)
{
	return sizeof(*pool) + ptw_port_load(&pool->bytes);
}
