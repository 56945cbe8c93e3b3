/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Linux port: where tables come from.
 *
 * A table of a page or more is pages of its own, and page_private() of the first one leads to its metadata:
 * both come and go with the table, without any lock of the pool. Smaller tables (the test format's, and
 * 4-KiB tables where pages are larger) share a page, whose page_private() leads to a struct ptw_block with
 * the metadata of all of them:
 *
 *   table -> virt_to_page -> page_private -> metadata
 *                                         -> block -> metadata of table 0, 1, ...
 *
 * Shared pages are found through two lists, and go when their last table does. Tables are given back by
 * RCU callbacks, which are softirqs: hence spin_lock_bh().
 *
 * The caller's own allocator is asked for the same pages; what it gives must be whole pages of the page
 * allocator. Its chunk_free is called in softirqs, too.
 */
#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/list.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include <ptw/error.h>
#include <ptw/pool.h>
#include <ptw/port.h>

/* A page that several tables share. */
struct ptw_block {
	struct list_head list;
	void *memory;
	void *free;     /* chain of free tables, through their first word */
	uint32_t used;  /* tables that are out */
	uint32_t fresh; /* tables from here on were never out */
	unsigned char meta[] __aligned(8);
};

struct ptw_pool {
	void *(*chunk_alloc)(void *context, size_t bytes, size_t align);
	void (*chunk_free)(void *context, void *memory, size_t bytes);
	void *context;
	size_t table_bytes;
	size_t meta_bytes;
	uint32_t per_page; /* tables that share a page; 1: none do */
	uint64_t max_tables;
	atomic64_t tables; /* in use */
	atomic64_t bytes;  /* of roots and shared pages, whose metadata is counted there */

	spinlock_t lock; /* of what follows, and of what blocks say */
	struct list_head partial;
	struct list_head full;
};

int ptw_port_pool_create(const struct ptw_pool_config *config, size_t table_bytes,
			 size_t meta_bytes, struct ptw_pool **out)
{
	struct ptw_pool *pool;

	if (config && config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	if (config && (!config->chunk_alloc != !config->chunk_free ||
		       config->chunk_lg2 > 30 || config->flags > PTW_POOL_HUGE_NEVER + 0u ||
		       (config->chunk_alloc && (config->flags & PTW_POOL_HUGE_ALWAYS))))
		return PTW_ERR_ARG;
	pool = ptw_port_zalloc(sizeof(*pool));
	if (!pool)
		return PTW_ERR_NOMEM;
	if (config) {
		pool->chunk_alloc = config->chunk_alloc;
		pool->chunk_free = config->chunk_free;
		pool->context = config->context;
		pool->max_tables = config->max_tables;
	}
	pool->table_bytes = table_bytes;
	pool->meta_bytes = meta_bytes;
	pool->per_page = table_bytes < PAGE_SIZE ? (uint32_t)(PAGE_SIZE / table_bytes) : 1;
	spin_lock_init(&pool->lock);
	INIT_LIST_HEAD(&pool->partial);
	INIT_LIST_HEAD(&pool->full);
	*out = pool;
	return PTW_OK;
}

void ptw_port_pool_destroy(struct ptw_pool *pool)
{
	/* Tables that are still out would be leaked; the core has none. */
	WARN_ON_ONCE(atomic64_read(&pool->tables));
	ptw_port_free(pool, sizeof(*pool));
}

/* `bytes`, a power of two, aligned to themselves, in the linear map. */
static void *ptw_memory_get(const struct ptw_pool *pool, size_t bytes)
{
	void *memory;

	if (!pool->chunk_alloc)
		return (void *)__get_free_pages(GFP_KERNEL_ACCOUNT, get_order(bytes));
	memory = pool->chunk_alloc(pool->context, bytes, bytes);
	if (memory && (((uintptr_t)memory & (bytes - 1)) || !virt_addr_valid(memory))) {
		pool->chunk_free(pool->context, memory, bytes);
		memory = NULL;
	}
	return memory;
}

static void ptw_memory_put(const struct ptw_pool *pool, void *memory, size_t bytes)
{
	if (pool->chunk_free)
		pool->chunk_free(pool->context, memory, bytes);
	else
		free_pages((unsigned long)memory, get_order(bytes));
}

/* Pages for a table or several; page_private() leads to `meta`. Slab pages, and all but the first of a
 * compound page, have other uses for it. */
static void *ptw_pages_get(const struct ptw_pool *pool, size_t bytes, void *meta)
{
	void *memory = ptw_memory_get(pool, bytes);
	struct page *page;

	if (!memory)
		return NULL;
	page = virt_to_page(memory);
	if (PageSlab(page) || PageTail(page)) {
		ptw_memory_put(pool, memory, bytes);
		return NULL;
	}
	/* Whoever gets to know the table does so by this thread, through a table entry or the lock. */
	set_page_private(page, (unsigned long)meta);
	return memory;
}

static void ptw_pages_put(const struct ptw_pool *pool, void *memory, size_t bytes)
{
	set_page_private(virt_to_page(memory), 0);
	ptw_memory_put(pool, memory, bytes);
}

static void *ptw_private(const void *address)
{
	return (void *)page_private(virt_to_page((void *)address));
}

static void *ptw_own_alloc(struct ptw_pool *pool)
{
	void *meta = kzalloc(pool->meta_bytes, GFP_KERNEL_ACCOUNT);
	void *table;

	if (!meta)
		return NULL;
	table = ptw_pages_get(pool, pool->table_bytes, meta);
	if (!table)
		kfree(meta);
	return table;
}

static void ptw_own_free(struct ptw_pool *pool, void *table)
{
	void *meta = ptw_private(table);

	ptw_pages_put(pool, table, pool->table_bytes);
	kfree(meta);
}

static struct ptw_block *ptw_block_of(const void *table)
{
	return ptw_private((const void *)((uintptr_t)table & PAGE_MASK));
}

static size_t ptw_block_bytes(const struct ptw_pool *pool)
{
	return sizeof(struct ptw_block) + pool->per_page * pool->meta_bytes;
}

static struct ptw_block *ptw_block_new(struct ptw_pool *pool)
{
	struct ptw_block *block = kzalloc(ptw_block_bytes(pool), GFP_KERNEL_ACCOUNT);

	if (!block)
		return NULL;
	block->memory = ptw_pages_get(pool, PAGE_SIZE, block);
	if (!block->memory) {
		kfree(block);
		return NULL;
	}
	atomic64_add((s64)(PAGE_SIZE + ptw_block_bytes(pool)), &pool->bytes);
	return block;
}

static void ptw_block_free(struct ptw_pool *pool, struct ptw_block *block)
{
	atomic64_sub((s64)(PAGE_SIZE + ptw_block_bytes(pool)), &pool->bytes);
	ptw_pages_put(pool, block->memory, PAGE_SIZE);
	kfree(block);
}

/* A table of a shared page; null: a page is needed. */
static void *ptw_shared_take(struct ptw_pool *pool) __must_hold(&pool->lock)
{
	struct ptw_block *block;
	void *table;

	block = list_first_entry_or_null(&pool->partial, struct ptw_block, list);
	if (!block)
		return NULL;
	table = block->free;
	if (table)
		block->free = *(void **)table;
	else
		table = (char *)block->memory + pool->table_bytes * block->fresh++;
	if (++block->used == pool->per_page)
		list_move(&block->list, &pool->full);
	return table;
}

static void *ptw_shared_alloc(struct ptw_pool *pool)
{
	struct ptw_block *block;
	void *table;

	spin_lock_bh(&pool->lock);
	table = ptw_shared_take(pool);
	spin_unlock_bh(&pool->lock);
	if (!table) {
		block = ptw_block_new(pool);
		spin_lock_bh(&pool->lock);
		/* In front, so that a new page never stays behind unused. Without one, a table may
		 * have come back meanwhile. */
		if (block)
			list_add(&block->list, &pool->partial);
		table = ptw_shared_take(pool);
		spin_unlock_bh(&pool->lock);
	}
	if (table)
		memset(ptw_port_table_meta(pool, table), 0, pool->meta_bytes);
	return table;
}

static void ptw_shared_free(struct ptw_pool *pool, void *table)
{
	struct ptw_block *block = ptw_block_of(table);
	bool last;

	spin_lock_bh(&pool->lock);
	if (block->used-- == pool->per_page)
		list_move(&block->list, &pool->partial);
	*(void **)table = block->free;
	block->free = table;
	last = !block->used;
	if (last)
		list_del(&block->list);
	spin_unlock_bh(&pool->lock);
	if (last)
		ptw_block_free(pool, block);
}

void *ptw_port_table_alloc(struct ptw_pool *pool, unsigned int level)
{
	void *table;

	(void)level;
	might_sleep();
	if (!pool->max_tables)
		atomic64_inc(&pool->tables);
	else if (!atomic64_add_unless(&pool->tables, 1, (s64)pool->max_tables))
		return NULL;
	table = pool->per_page > 1 ? ptw_shared_alloc(pool) : ptw_own_alloc(pool);
	if (!table)
		atomic64_dec(&pool->tables);
	return table;
}

void ptw_port_table_free(struct ptw_pool *pool, void *table)
{
	if (pool->per_page > 1)
		ptw_shared_free(pool, table);
	else
		ptw_own_free(pool, table);
	atomic64_dec(&pool->tables);
}

void *ptw_port_table_meta(const struct ptw_pool *pool, const void *table)
{
	size_t offset = (uintptr_t)table & ~PAGE_MASK;

	if (pool->per_page == 1)
		return ptw_private(table);
	return &ptw_block_of(table)->meta[offset / pool->table_bytes * pool->meta_bytes];
}

/* The page allocator gives no less than a page. */
static s64 ptw_run_bytes(const struct ptw_pool *pool, size_t bytes)
{
	return (s64)(pool->chunk_alloc || bytes > PAGE_SIZE ? bytes : PAGE_SIZE);
}

/* Roots have no metadata, so any memory of the linear map will do. */
void *ptw_port_run_alloc(struct ptw_pool *pool, size_t bytes)
{
	void *memory = ptw_memory_get(pool, bytes);

	if (memory)
		atomic64_add(ptw_run_bytes(pool, bytes), &pool->bytes);
	return memory;
}

void ptw_port_run_free(struct ptw_pool *pool, void *memory, size_t bytes)
{
	ptw_memory_put(pool, memory, bytes);
	atomic64_sub(ptw_run_bytes(pool, bytes), &pool->bytes);
}

uint64_t ptw_port_pool_bytes(const struct ptw_pool *pool)
{
	uint64_t bytes = sizeof(*pool) + (uint64_t)atomic64_read(&pool->bytes);

	/* Metadata as the slab allocator rounds it. */
	if (pool->per_page == 1)
		bytes += (uint64_t)atomic64_read(&pool->tables) *
			 (pool->table_bytes + roundup_pow_of_two(pool->meta_bytes));
	return bytes;
}
