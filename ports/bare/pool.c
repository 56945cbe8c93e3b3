/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Bare port: memory. First fit over frames of 4 KiB under one lock.
 *
 * The given memory begins with 64 bytes of metadata for each frame, the frames follow. So a table's
 * metadata is found from its address; those of a table's other frames are not used. A map of one
 * bit per frame, 1 for taken, stands between the two.
 *
 * Free frames hold PTW_BARE_POISON in every word. What reads one after it was freed reports
 * nonsense; what writes one is found when the frame is given out again, or by ptw_bare_spoiled().
 */
#include <ptw/error.h>
#include <ptw/pool.h>
/* Without the macro the port for programs under an operating system would come, and its headers be missed. */
#ifdef PTW_PORT_HEADER
#include <ptw/port.h>
#endif
#ifndef PTW_PORTS_BARE_PORT_H
#error "compile with -DPTW_PORT_HEADER='\"ports/bare/port.h\"' and the source tree's top as -I"
#endif

#define FRAME_LG2   12
#define FRAME_BYTES ((size_t)1 << FRAME_LG2)
#define FRAME_WORDS (FRAME_BYTES / 8)
#define META_BYTES  64

struct ptw_pool {
	size_t table_bytes;
	size_t meta_bytes;
	uint64_t max_tables;
	uint64_t tables; /* out */
	uint64_t bytes;
};

static struct {
	struct ptw_bare_lock lock;
	unsigned char *meta;
	uint64_t *taken;
	unsigned char *frames;
	size_t count;
	size_t first_free; /* none below */
	size_t free;
	uint64_t spoiled;
} ptw_memory;

static uintptr_t round_up(uintptr_t value, uintptr_t to)
{
	return (value + to - 1) & ~(to - 1);
}

static size_t frames_of(size_t bytes)
{
	return (bytes + FRAME_BYTES - 1) >> FRAME_LG2;
}

static bool frame_taken(size_t frame)
{
	return ptw_memory.taken[frame / 64] >> frame % 64 & 1;
}

static uint64_t *frame_words(size_t frame)
{
	return (uint64_t *)(void *)(ptw_memory.frames + (frame << FRAME_LG2));
}

static void poison(uint64_t *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		words[i] = PTW_BARE_POISON;
}

static uint64_t count_spoiled(const uint64_t *words, size_t count)
{
	uint64_t spoiled = 0;

	for (size_t i = 0; i < count; i++)
		spoiled += words[i] != PTW_BARE_POISON;
	return spoiled;
}

int ptw_bare_init(void *memory, size_t bytes, unsigned int cpus)
{
	const uintptr_t begin = round_up((uintptr_t)memory, META_BYTES);
	const uintptr_t end = (uintptr_t)memory + bytes;
	uintptr_t frames;
	size_t count;

	if (!memory || end < begin || !cpus || cpus > PTW_BARE_CPUS)
		return PTW_ERR_ARG;
	count = (end - begin) / (FRAME_BYTES + META_BYTES);
	frames = round_up(begin + count * META_BYTES + (count + 63) / 64 * 8, FRAME_BYTES);
	if (frames >= end || (end - frames) >> FRAME_LG2 == 0)
		return PTW_ERR_ARG;
	if (count > (end - frames) >> FRAME_LG2)
		count = (end - frames) >> FRAME_LG2;
	ptw_memory.meta = (unsigned char *)begin;
	ptw_memory.taken = (uint64_t *)(begin + count * META_BYTES);
	ptw_memory.frames = (unsigned char *)frames;
	ptw_memory.count = count;
	ptw_memory.first_free = 0;
	ptw_memory.free = count;
	ptw_memory.spoiled = 0;
	for (size_t i = 0; i < (count + 63) / 64; i++)
		ptw_memory.taken[i] = 0;
	poison(frame_words(0), count * FRAME_WORDS);
	ptw_bare_rcu_init(cpus);
	return PTW_OK;
}

/* Locked. The first run of free frames whose address is a multiple of `align`; `count`: none. */
static size_t find_run(size_t frames, size_t align)
{
	size_t frame = ptw_memory.first_free;

	while (frame < ptw_memory.count) {
		size_t length = 0;

		frame = (round_up((uintptr_t)frame_words(frame), align) -
			 (uintptr_t)ptw_memory.frames) >>
			FRAME_LG2;
		if (frame >= ptw_memory.count || frames > ptw_memory.count - frame)
			break;
		while (length < frames && !frame_taken(frame + length))
			length++;
		if (length == frames)
			return frame;
		frame += length + 1;
	}
	return ptw_memory.count;
}

/* Aligned to `align`, a power of two; contents poison. */
static void *frames_alloc(size_t bytes, size_t align)
{
	const size_t frames = frames_of(bytes);
	size_t frame;
	void *memory = NULL;

	if (!frames)
		return NULL;
	if (align < FRAME_BYTES)
		align = FRAME_BYTES;
	ptw_bare_lock(&ptw_memory.lock);
	frame = find_run(frames, align);
	if (frame < ptw_memory.count) {
		for (size_t i = frame; i < frame + frames; i++)
			ptw_memory.taken[i / 64] |= 1ull << i % 64;
		if (frame == ptw_memory.first_free)
			ptw_memory.first_free += frames;
		ptw_memory.free -= frames;
		memory = frame_words(frame);
		ptw_memory.spoiled += count_spoiled(memory, frames * FRAME_WORDS);
	}
	ptw_bare_unlock(&ptw_memory.lock);
	return memory;
}

static void frames_free(void *memory, size_t bytes)
{
	const size_t frames = frames_of(bytes);
	const size_t frame = ((uintptr_t)memory - (uintptr_t)ptw_memory.frames) >> FRAME_LG2;

	poison(memory, frames * FRAME_WORDS);
	ptw_bare_lock(&ptw_memory.lock);
	for (size_t i = frame; i < frame + frames; i++)
		ptw_memory.taken[i / 64] &= ~(1ull << i % 64);
	if (frame < ptw_memory.first_free)
		ptw_memory.first_free = frame;
	ptw_memory.free += frames;
	ptw_bare_unlock(&ptw_memory.lock);
}

uint64_t ptw_bare_spoiled(void)
{
	uint64_t spoiled;

	ptw_bare_lock(&ptw_memory.lock);
	spoiled = ptw_memory.spoiled;
	for (size_t i = 0; i < ptw_memory.count; i++) {
		if (!frame_taken(i))
			spoiled += count_spoiled(frame_words(i), FRAME_WORDS);
	}
	ptw_bare_unlock(&ptw_memory.lock);
	return spoiled;
}

uint64_t ptw_bare_free_bytes(void)
{
	uint64_t bytes;

	ptw_bare_lock(&ptw_memory.lock);
	bytes = (uint64_t)ptw_memory.free << FRAME_LG2;
	ptw_bare_unlock(&ptw_memory.lock);
	return bytes;
}

void *ptw_port_zalloc(size_t bytes)
{
	void *memory = frames_alloc(bytes, FRAME_BYTES);

	if (memory)
		memset(memory, 0, bytes);
	return memory;
}

void ptw_port_free(void *memory, size_t bytes)
{
	if (memory)
		frames_free(memory, bytes);
}

int ptw_port_pool_create(const struct ptw_pool_config *config, size_t table_bytes,
			 size_t meta_bytes, struct ptw_pool **out)
{
	struct ptw_pool *pool;

	if (config && config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	if (config && config->flags > PTW_POOL_HUGE_NEVER + 0u)
		return PTW_ERR_ARG;
	/* The memory is what ptw_bare_init() was given. */
	if (config && (config->chunk_alloc || config->chunk_free || config->chunk_lg2))
		return PTW_ERR_UNSUPPORTED;
	if (meta_bytes > META_BYTES)
		return PTW_ERR_UNSUPPORTED;
	pool = ptw_port_zalloc(sizeof(*pool));
	if (!pool)
		return PTW_ERR_NOMEM;
	pool->table_bytes = table_bytes;
	pool->meta_bytes = meta_bytes;
	pool->max_tables = config ? config->max_tables : 0;
	*out = pool;
	return PTW_OK;
}

void ptw_port_pool_destroy(struct ptw_pool *pool)
{
	ptw_port_free(pool, sizeof(*pool));
}

/* Bytes that `bytes` really take, with the metadata of their frames. */
static uint64_t cost(size_t bytes)
{
	return frames_of(bytes) * (FRAME_BYTES + META_BYTES);
}

void *ptw_port_table_alloc(struct ptw_pool *pool, unsigned int level)
{
	void *table = NULL;

	(void)level;
	if (__atomic_add_fetch(&pool->tables, 1, __ATOMIC_RELAXED) <= pool->max_tables ||
	    !pool->max_tables)
		table = frames_alloc(pool->table_bytes, pool->table_bytes);
	if (!table) {
		__atomic_sub_fetch(&pool->tables, 1, __ATOMIC_RELAXED);
		return NULL;
	}
	memset(ptw_port_table_meta(pool, table), 0, pool->meta_bytes);
	ptw_port_add64(&pool->bytes, cost(pool->table_bytes));
	return table;
}

void ptw_port_table_free(struct ptw_pool *pool, void *table)
{
	ptw_port_add64(&pool->bytes, -cost(pool->table_bytes));
	__atomic_sub_fetch(&pool->tables, 1, __ATOMIC_RELAXED);
	frames_free(table, pool->table_bytes);
}

void *ptw_port_table_meta(const struct ptw_pool *pool, const void *table)
{
	const size_t frame = ((uintptr_t)table - (uintptr_t)ptw_memory.frames) >> FRAME_LG2;

	(void)pool;
	return ptw_memory.meta + frame * META_BYTES;
}

void *ptw_port_run_alloc(struct ptw_pool *pool, size_t bytes)
{
	void *memory = frames_alloc(bytes, bytes);

	if (memory)
		ptw_port_add64(&pool->bytes, cost(bytes));
	return memory;
}

void ptw_port_run_free(struct ptw_pool *pool, void *memory, size_t bytes)
{
	ptw_port_add64(&pool->bytes, -cost(bytes));
	frames_free(memory, bytes);
}

uint64_t ptw_port_pool_bytes(const struct ptw_pool *pool)
{
	return sizeof(*pool) + ptw_port_load(&pool->bytes);
}

uint32_t ptw_port_cpu_features(void)
{
	return 0;
}
