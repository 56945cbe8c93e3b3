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
 * ThreadSanitizer report any use of it. A pool has one lock, taken by writers that need a table and by the
 * callbacks that give one back, never by a walk or a harvest, and never around the caller's allocator.
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

struct ptw_chunk {
	struct ptw_chunk *next;
	uint32_t used; /* tables handed out at least once: the rest of the chunk is untouched */
};

struct ptw_pool {
	pthread_mutex_t lock;
	void *(*chunk_alloc)(void *context, size_t bytes, size_t align);
	void (*chunk_free)(void *context, void *memory, size_t bytes);
	void *context;
	struct ptw_chunk *chunks;
	struct ptw_chunk *open; /* the one with untouched tables, or null */
	void *free;
	size_t table_bytes;
	size_t meta_bytes;
	size_t chunk_bytes;
	size_t first; /* offset of table 0 in a chunk */
	uint32_t per_chunk;
	uint64_t live;
	uint64_t max_tables;
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
		       config->chunk_lg2 > CHUNK_LG2_MAX || config->reserved))
		return PTW_ERR_ARG;
	pool = ptw_port_zalloc(sizeof(*pool));
	if (!pool)
		return PTW_ERR_NOMEM;
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

/* Touched memory of a chunk of which `used` tables have been handed out; the rest is only address
 * space. */
static uint64_t ptw_chunk_bytes(const struct ptw_pool *pool, uint32_t used)
{
	return round_up(sizeof(struct ptw_chunk) + used * pool->meta_bytes, 4096) +
	       used * pool->table_bytes;
}

/* A table that was free, or was never used; null: a chunk is needed. Locked. */
static void *ptw_pool_take(struct ptw_pool *pool)
{
	struct ptw_chunk *chunk = pool->open;
	void *table = pool->free;

	if (table) {
		memcpy(&pool->free, ptw_port_table_meta(pool, table), sizeof(pool->free));
		ASAN_UNPOISON_MEMORY_REGION(table, pool->table_bytes);
	} else if (chunk) {
		table = (char *)chunk + pool->first + pool->table_bytes * chunk->used++;
		ptw_port_add64(&pool->bytes, ptw_chunk_bytes(pool, chunk->used) -
					     ptw_chunk_bytes(pool, chunk->used - 1));
		if (chunk->used == pool->per_chunk)
			pool->open = NULL;
	}
	return table;
}

/* Locked. Somebody else may have added one meanwhile: its rest is then left unused. */
static void ptw_pool_add(struct ptw_pool *pool, struct ptw_chunk *chunk)
{
	chunk->used = 0;
	chunk->next = pool->chunks;
	pool->chunks = chunk;
	pool->open = chunk;
	ptw_port_add64(&pool->bytes, ptw_chunk_bytes(pool, 0));
}

void *ptw_port_table_alloc(struct ptw_pool *pool)
{
	struct ptw_chunk *chunk;
	void *table = NULL;

	pthread_mutex_lock(&pool->lock);
	if (!pool->max_tables || pool->live < pool->max_tables) {
		table = ptw_pool_take(pool);
		if (!table) {
			pthread_mutex_unlock(&pool->lock);
			chunk = ptw_chunk_get(pool, pool->chunk_bytes);
			pthread_mutex_lock(&pool->lock);
			if (chunk)
				ptw_pool_add(pool, chunk);
			/* Without one, a table may have come back meanwhile. */
			table = ptw_pool_take(pool);
		}
	}
	if (table)
		pool->live++;
	pthread_mutex_unlock(&pool->lock);
	if (table)
		memset(ptw_port_table_meta(pool, table), 0, pool->meta_bytes);
	return table;
}

void ptw_port_table_free(struct ptw_pool *pool, void *table)
{
	ptw_table_mark_free(table, pool->table_bytes);
	pthread_mutex_lock(&pool->lock);
	memcpy(ptw_port_table_meta(pool, table), &pool->free, sizeof(pool->free));
	pool->free = table;
	pool->live--;
	pthread_mutex_unlock(&pool->lock);
}

void *ptw_port_table_meta(const struct ptw_pool *pool, const void *table)
{
	uintptr_t chunk = (uintptr_t)table & ~(uintptr_t)(pool->chunk_bytes - 1);
	size_t index = ((uintptr_t)table - chunk - pool->first) / pool->table_bytes;

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
