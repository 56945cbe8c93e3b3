/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file thread.h
 * Threads, read-side sections, and what happens at fork, thread exit, dlclose and with signals.
 *
 * - Thread exit: a thread that registered (or called the library once) needs to do nothing; with
 *   liburcu's bp flavour it is unregistered by itself. It must not exit inside a section.
 * - fork: allowed outside read-side sections and RCU callbacks, while no other thread is inside create,
 *   a call of <ptw/change.h> or destroy. The child may go on with its copies of the page tables;
 *   grace periods work in it. The library calls liburcu's (bp) fork handlers from handlers of its
 *   own: a program that uses liburcu bp too must not register them a second time.
 * - dlclose: the library stays mapped (it is linked with -z nodelete), since callbacks may be pending.
 * - In a kernel there is nothing to register, to exit or to fork; see docs/porting.md.
 * - Signals: liburcu's helper thread is started by the library with every signal blocked. Calls may
 *   be made with any signal mask; walks and harvests may be made in a signal handler if the thread
 *   is registered and their output functions are fit for it.
 */
#ifndef PTW_THREAD_H
#define PTW_THREAD_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/**
 * Register this thread as a reader, so that none of its later calls allocates. Optional in the
 * released library, where the first call of a thread does it; other RCU flavours need it.
 *
 * Context: outside read-side sections. Ordering: none. Progress: may allocate and wait for a lock.
 * Errors: none.
 */
PTW_API void ptw_thread_register(void);

/**
 * Undo ptw_thread_register(). Optional in the released library.
 *
 * Context: outside read-side sections. Ordering: none. Progress: may wait for a lock. Errors: none.
 */
PTW_API void ptw_thread_unregister(void);

/**
 * Begin and end a read-side section, to make several single-page calls in one. Sections nest; keep
 * them short (some thousand entries), since they hold up the freeing of tables.
 *
 * Context: registered thread; no blocking call, no create or destroy, and no call of
 * <ptw/change.h> but set_user_bit inside.
 * Ordering: tables reachable inside stay readable until the end. Progress: wait-free. Errors: none.
 */
PTW_API void ptw_read_lock(void) PTW_BEGINS_SECTION;

/** End of the section: see ptw_read_lock(). Context, Ordering, Progress, Errors: as there. */
PTW_API void ptw_read_unlock(void) PTW_ENDS_SECTION;

/**
 * Wait until every table retired so far is free, and every read-side section that had begun has ended: a
 * grace period, after which memory that no reader can reach any more may be freed.
 * @return PTW_OK, or PTW_ERR_CONTEXT in a read-side section or an RCU callback
 *
 * Context: may block. Ordering: the callbacks happen before the return.
 * Progress: blocks for a grace period. Errors: as returned.
 */
PTW_API int ptw_barrier(void);

PTW_END_DECLS

#endif /* PTW_THREAD_H */
