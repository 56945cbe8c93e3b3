// SPDX-License-Identifier: GPL-2.0-only OR MIT
/* What tests need of a C library, by the kernel's means: memory that is counted, threads, waiting. */
#include <linux/bitops.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/hashtable.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/vmalloc.h>
#include <linux/wait.h>

#include "tests/harness/harness.h"

#include "include/pthread.h"
#include "include/sched.h"
#include "include/time.h"
#include "include/unistd.h"
#undef timespec
#include "runner.h"

void *ktest_alloc(size_t align, size_t bytes, bool zero);
void ktest_free(void *memory);
void *ktest_map(size_t bytes);
int ktest_map_open(void *memory, size_t bytes);

#define PATTERN	     0xa5 /* in memory that nobody has written yet */
#define JOIN_SECONDS 5

/* A mapping is made of the largest pieces of the page allocator that lie side by side. */
#define PIECE_ORDER (MAX_ORDER - 1)
#define PIECE_BYTES (PAGE_SIZE << PIECE_ORDER)
#define PIECES	    64u

struct block {
	struct hlist_node node;
	void *memory; /* what the test has */
	void *base;   /* what is given back */
	size_t bytes;
	int order; /* of pages; -1: kvmalloc() */
	/* Of a mapping: the part that may be written. A mapping may stay until the test ends. */
	bool mapping;
	void *open;
	size_t open_bytes;
};

static DEFINE_HASHTABLE(blocks, 10);
static DEFINE_SPINLOCK(blocks_lock); /* also taken by what RCU callbacks give back, in softirqs */

struct ktest_thread {
	struct hlist_node node;
	struct completion done;
	struct task_struct *task;
	void *(*run)(void *argument);
	void *argument, *result;
};

static HLIST_HEAD(threads);
static DEFINE_SPINLOCK(threads_lock);
static atomic_t running;
static DECLARE_WAIT_QUEUE_HEAD(one_ended);

static void keep(struct block *block)
{
	spin_lock_bh(&blocks_lock);
	hash_add(blocks, &block->node, (unsigned long)block->memory);
	spin_unlock_bh(&blocks_lock);
}

static struct block *new_block(size_t align, size_t bytes)
{
	const size_t extra = align > ARCH_KMALLOC_MINALIGN && align < PAGE_SIZE ? align : 0;
	struct block *block = kzalloc(sizeof(*block), GFP_KERNEL);

	if (!block)
		return NULL;
	block->bytes = bytes;
	/* Whole pages may become tables, so they come from where the port wants them. */
	block->order = -1;
	if (align >= PAGE_SIZE) {
		block->order = get_order(max(bytes, align));
		block->base = (void *)__get_free_pages(GFP_KERNEL, block->order);
	} else {
		block->base = kvmalloc(bytes + extra + 1, GFP_KERNEL);
	}
	if (!block->base) {
		kfree(block);
		return NULL;
	}
	block->memory = extra ? PTR_ALIGN(block->base, align) : block->base;
	keep(block);
	return block;
}

static void free_pieces(void *memory, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += PIECE_BYTES)
		free_pages((unsigned long)memory + at, PIECE_ORDER);
}

static void free_block(struct block *block)
{
	if (block->mapping)
		free_pieces(block->base, block->bytes);
	else if (block->order >= 0)
		free_pages((unsigned long)block->base, block->order);
	else
		kvfree(block->base);
	kfree(block);
}

static int by_address(const void *a, const void *b)
{
	const unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/* Memory of the linear map that is larger than the page allocator's pieces. */
static void *alloc_pieces(size_t bytes)
{
	const unsigned int want = DIV_ROUND_UP(bytes, PIECE_BYTES);
	unsigned int count = 0, first = 0;
	unsigned long *piece = kcalloc(PIECES, sizeof(*piece), GFP_KERNEL);
	void *memory = NULL;

	while (piece && count < PIECES &&
	       (piece[count] = __get_free_pages(GFP_KERNEL | __GFP_NOWARN, PIECE_ORDER)))
		count++;
	if (count)
		sort(piece, count, sizeof(*piece), by_address, NULL);
	for (unsigned int i = 0; i < count; i++) {
		if (i && piece[i] != piece[i - 1] + PIECE_BYTES)
			first = i;
		if (i + 1 - first == want) {
			memory = (void *)piece[first];
			break;
		}
	}
	for (unsigned int i = 0; i < count; i++)
		if (!memory || i < first || i >= first + want)
			free_pages(piece[i], PIECE_ORDER);
	kfree(piece);
	return memory;
}

void *ktest_alloc(size_t align, size_t bytes, bool zero)
{
	struct block *block = new_block(align, bytes);

	if (!block)
		return NULL;
	memset(block->memory, zero ? 0 : PATTERN, bytes);
	return block->memory;
}

static struct block *find(void *memory)
{
	struct block *block;

	hash_for_each_possible(blocks, block, node, (unsigned long)memory)
		if (block->memory == memory)
			return block;
	return NULL;
}

void ktest_free(void *memory)
{
	struct block *block;

	if (!memory)
		return;
	spin_lock_bh(&blocks_lock);
	block = find(memory);
	if (block)
		hash_del(&block->node);
	spin_unlock_bh(&blocks_lock);
	if (block)
		free_block(block);
	else
		ktest_wrong("what is given back was never got, or given back before");
}

void *ktest_map(size_t bytes)
{
	struct block *block = kzalloc(sizeof(*block), GFP_KERNEL);

	if (block)
		block->base = alloc_pieces(bytes);
	if (!block || !block->base) {
		kfree(block);
		return (void *)-1;
	}
	block->memory = block->base;
	block->bytes = bytes;
	block->mapping = true;
	memset(block->memory, PATTERN, bytes);
	keep(block);
	return block->memory;
}

int ktest_map_open(void *memory, size_t bytes)
{
	struct block *block;
	int i;

	hash_for_each(blocks, i, block, node) {
		if (!block->mapping || memory < block->memory ||
		    memory + bytes > block->memory + block->bytes || block->open)
			continue;
		block->open = memory;
		block->open_bytes = bytes;
		memset(memory, 0, bytes);
		return 0;
	}
	return -1;
}

static void check_mapping(const struct block *block)
{
	const size_t before = block->open ? block->open - block->memory : block->bytes;
	const void *behind = block->open + block->open_bytes;

	if (memchr_inv(block->memory, PATTERN, before) ||
	    (block->open && memchr_inv(behind, PATTERN, block->memory + block->bytes - behind)))
		ktest_wrong("memory that was not the test's own was written");
}

static int thread_main(void *argument)
{
	struct ktest_thread *thread = argument;

	thread->result = thread->run(thread->argument);
	ktest_thread_exit();
	return 0;
}

void ktest_thread_exit(void)
{
	struct ktest_thread *thread, *mine = NULL;

	spin_lock(&threads_lock);
	hlist_for_each_entry(thread, &threads, node)
		if (thread->task == current)
			mine = thread;
	spin_unlock(&threads_lock);
	if (!mine)
		return;
	atomic_dec(&running);
	wake_up(&one_ended);
	kthread_complete_and_exit(&mine->done, 0);
}

int ktest_thread_create(struct ktest_thread **thread, void *(*run)(void *), void *argument)
{
	struct ktest_thread *new = kzalloc(sizeof(*new), GFP_KERNEL);

	if (!new)
		return ENOMEM;
	new->run = run;
	new->argument = argument;
	init_completion(&new->done);
	new->task = kthread_create(thread_main, new, "ptw_thread");
	if (IS_ERR(new->task)) {
		kfree(new);
		return EAGAIN;
	}
	spin_lock(&threads_lock);
	hlist_add_head(&new->node, &threads);
	spin_unlock(&threads_lock);
	atomic_inc(&running);
	*thread = new;
	wake_up_process(new->task);
	return 0;
}

int ktest_thread_join(struct ktest_thread *thread, void **result)
{
	wait_for_completion(&thread->done);
	if (result)
		*result = thread->result;
	spin_lock(&threads_lock);
	hlist_del(&thread->node);
	spin_unlock(&threads_lock);
	kfree(thread);
	return 0;
}

/* A test may sit in a read-side section and wait, which in a kernel only spinning can do. */
void ktest_yield(void)
{
	if (!ktest_may_sleep()) {
		cpu_relax();
		return;
	}
	cond_resched();
	yield();
}

void ktest_usleep(unsigned long us)
{
	if (ktest_may_sleep())
		usleep_range(us, us + us / 8 + 1);
	else
		mdelay(DIV_ROUND_UP(us, USEC_PER_MSEC));
}

void ktest_sleep(const struct ktest_timespec *time)
{
	ktest_usleep(time->tv_sec * USEC_PER_SEC + time->tv_nsec / NSEC_PER_USEC);
}

/* A mutex of the kernel's needs its own address inside, which a static initializer of the test's cannot
 * know; so that is written by the first who takes it. */
struct lock {
	struct mutex mutex;
	bool made;
};

static DEFINE_MUTEX(making);

static void make_lock(struct lock *lock)
{
	mutex_init(&lock->mutex);
	/* Partner: the load in lock_of(). */
	smp_store_release(&lock->made, true);
}

static struct mutex *lock_of(pthread_mutex_t *mutex)
{
	struct lock *lock = (struct lock *)mutex;

	/* Partner: the store in make_lock(). */
	if (!smp_load_acquire(&lock->made)) {
		mutex_lock(&making);
		if (!lock->made)
			make_lock(lock);
		mutex_unlock(&making);
	}
	return &lock->mutex;
}

void ktest_mutex_init(pthread_mutex_t *mutex)
{
	BUILD_BUG_ON(sizeof(struct lock) > sizeof(*mutex));
	make_lock((struct lock *)mutex);
}

void ktest_mutex_lock(pthread_mutex_t *mutex)
{
	mutex_lock(lock_of(mutex));
}

int ktest_mutex_trylock(pthread_mutex_t *mutex)
{
	return mutex_trylock(lock_of(mutex)) ? 0 : EBUSY;
}

void ktest_mutex_unlock(pthread_mutex_t *mutex)
{
	mutex_unlock(lock_of(mutex));
}

struct barrier {
	wait_queue_head_t queue;
	unsigned int count, here, phase; /* under the queue's lock */
};

void ktest_barrier_init(pthread_barrier_t *barrier, unsigned int count)
{
	struct barrier *b = (struct barrier *)barrier;

	BUILD_BUG_ON(sizeof(struct barrier) > sizeof(*barrier));
	init_waitqueue_head(&b->queue);
	b->count = count;
	b->here = b->phase = 0;
}

void ktest_barrier_wait(pthread_barrier_t *barrier)
{
	struct barrier *b = (struct barrier *)barrier;
	unsigned int phase;

	spin_lock(&b->queue.lock);
	phase = b->phase;
	if (++b->here == b->count) {
		b->here = 0;
		b->phase++;
		wake_up_all_locked(&b->queue);
		spin_unlock(&b->queue.lock);
		return;
	}
	spin_unlock(&b->queue.lock);
	/* Partner of both: the lock above. */
	wait_event_idle(b->queue, smp_load_acquire(&b->phase) != phase);
}

void ktest_shim_open(void)
{
	hash_init(blocks);
	INIT_HLIST_HEAD(&threads);
	atomic_set(&running, 0);
}

bool ktest_shim_close(bool passed)
{
	struct ktest_thread *thread;
	struct hlist_node *next;
	struct block *block;
	size_t count = 0, bytes = 0;
	int i;

	if (!wait_event_timeout(one_ended, !atomic_read(&running),
				JOIN_SECONDS * test_slowness() * HZ)) {
		ktest_wrong("%d threads of the test go on", atomic_read(&running));
		return false;
	}
	hlist_for_each_entry_safe(thread, next, &threads, node) {
		wait_for_completion(&thread->done);
		kfree(thread);
		count++;
	}
	if (passed && count)
		ktest_wrong("%zu threads were not joined", count);
	count = 0;
	hash_for_each_safe(blocks, i, next, block, node) {
		count += !block->mapping;
		bytes += block->mapping ? 0 : block->bytes;
		if (passed && block->mapping)
			check_mapping(block);
		free_block(block);
	}
	if (passed && count)
		ktest_wrong("%zu pieces of memory, %zu bytes, were not given back", count, bytes);
	return true;
}

const bool __weak ktest_public_only;

/* The port's function, if the library is linked in, takes the place of this one. */
bool ptw_port_may_block(void);
bool __weak ptw_port_may_block(void)
{
	return !in_interrupt() && !irqs_disabled() && !preempt_count() && !rcu_preempt_depth();
}

/* What gcc calls for __builtin_popcountll() where the processor has no instruction for it. */
int __popcountdi2(long long word);
int __weak __popcountdi2(long long word)
{
	return hweight64(word);
}
