/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine_text.h
 * The generation engine as text: its generations, and commands to age and to evict, in the format of the file
 * lru_gen in Linux's debugfs, so that scripts written for that one can read and drive an engine.
 *
 *	memcg <id> <path>
 *	 node <node>
 *	 <sequence number> <age in milliseconds> <anonymous pages> <file pages>
 *
 * A group is a memcg; its path is the ids of those above it, from the top, and its own, each behind
 * a "/". An engine is one node, 0. Pages of PTW_TYPE_ANON (engine_type.h) are anonymous ones, those
 * of all other types file pages. Rows go from the oldest generation to the youngest.
 */
#ifndef PTW_ENGINE_TEXT_H
#define PTW_ENGINE_TEXT_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/**
 * What a group is called in text. The next group made after one was destroyed may get its id.
 * @return 1 to PTW_GROUPS_MAX; 0, which is no group's id, for a null pointer
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API uint32_t ptw_group_id(const struct ptw_group *group);

/**
 * Write the generations of all groups, by ascending id, ended by a 0 byte.
 * @param buffer may be null if `size` is 0
 * @param size bytes of the buffer
 * @param needed set to the bytes that the whole text takes, the 0 included; also if they were not there
 * @return PTW_OK; PTW_ERR_ARG; PTW_ERR_SIZE: the buffer has the lines that fit, none of them in part, and a 0 behind
 *         them unless `size` is 0
 *
 * Numbers are as long as they must be, so another try with `needed` bytes may be too short again while others work.
 * Ages above 2^32 - 1 milliseconds are shown as that.
 *
 * Context: any but where another thread that makes or destroys a group was interrupted; calls the engine's clock.
 * Ordering: none; one group's numbers are as ptw_group_state() tells them, groups follow one another. Progress: linear
 * in the engine's groups; waits for who makes or destroys one. Errors: as returned.
 */
PTW_API int ptw_engine_text(struct ptw_engine *engine, char *buffer, size_t size, size_t *needed);

/**
 * Carry out commands, separated by commas, semicolons or newlines, until one fails.
 *
 *	+ id node max_gen [swappiness [force_scan]]
 *	- id node min_gen [swappiness [nr]]
 *
 * `+` is ptw_group_age(). max_gen may not be above the youngest generation; if it is below, somebody has aged
 * since it was read, and the group is aged all the same.
 *
 * `-` is ptw_group_evict() without its ageing, of pages that were in generations up to min_gen when the command began,
 * `nr` of them or all. The two youngest generations are out of its reach: min_gen + 2 may not be above the youngest.
 * Pages that turn out to be in use, or cannot be put out, stay, and so do younger ones: fewer go
 * then. (Should a tick of the group's clock pass in the middle of one of its calls, pages of the
 * next tick may go in that one, at most 64.) Pending evictions do not count.
 *
 * Numbers are decimal. swappiness is 0 to 201, or "max", which is 201: for this command the weight of PTW_TYPE_ANON,
 * and 200 less it that of all other types (ptw_group_set_balance()); 0 spares anonymous pages, 201 all others, and at
 * 200 these come last. A type without a weight is not touched. Without swappiness the group's own
 * weights hold. `+` does not ask for it. force_scan does not matter: all pages are harvested.
 *
 * @param text need not end in a 0, and must not have one
 * @param length bytes of the text
 * @param done set to how many bytes were carried out: `length`, or where the text after the last command that
 *        succeeded begins; also on errors but a null pointer
 * @return PTW_OK; PTW_ERR_ARG: a null pointer, no command at all, one that cannot be read, of an unknown group or
 *         node, or with a sequence number that is not allowed; PTW_ERR_EXISTS: another thread is ageing the
 *         group, or the harvest returned PTW_ERR_AGAIN; or what ptw_group_age() or ptw_group_evict() returned
 *
 * Context: as those two; while a command runs, ptw_group_destroy() of the group that it names returns PTW_ERR_AGAIN.
 * Ordering: none. Progress: that of the commands; waits for who makes or destroys a group. Errors:
 * as returned; commands before `done` are done. The one behind it has done nothing if it was
 * refused; if a callback failed, what was aged or is gone stays so.
 */
PTW_API int ptw_engine_command(struct ptw_engine *engine, const char *text, size_t length,
			       size_t *done);

PTW_END_DECLS

#endif /* PTW_ENGINE_TEXT_H */
