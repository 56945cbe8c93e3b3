/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine_save.h
 * What an engine knows, as bytes: so that who restarts does not have to learn again which pages are hot.
 *
 * An image holds, for each group that has regions, its clock, generations, counters, each page's age, and what the
 * policy has learned (policy.h); where each group is in the tree; and what was set: protection, weights, minimum age,
 * capabilities, intervals. What was judged of types and tiers (engine_type.h) is in it; uses of pages are not, which
 * protect a page for one generation at most. Regions must be of the
 * same types.
 * Callbacks are not in it: who restores makes the engine and its groups again, with the same
 * policy, the same regions, and the same groups below one another, and then fills them. Groups are
 * told by their regions, and those that have none by the ones below them, so it does not matter in
 * which order they are made. Groups with no regions, and none below them, are not in it; nor is
 * what a group owes to reclaim, less than a page between two turns, and whose turn it is.
 *
 * Ages go on from where they were: time that passed between saving and restoring does not count, neither ticks nor
 * milliseconds, nor what a policy makes of them. The clock may be another one. What it has not
 * lived through is cut: a generation that would have begun before its 0 begins at 0.
 *
 * Images are little-endian and do not depend on the machine. They have a version and a checksum, which finds
 * accidents. It is no signature: whoever may write images decides what is evicted. But no bytes whatsoever
 * make the library read or write beyond its memory, or an engine that ptw_engine_check() refuses.
 */
#ifndef PTW_ENGINE_SAVE_H
#define PTW_ENGINE_SAVE_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/**
 * How many bytes ptw_engine_save() would need now. What harvests have left is taken in first where
 * the policy orders pages. It may be more after pages changed: two for each page of the groups at
 * most (nine with ptw_policy_learned, and 5 KiB for each group), some for each group and each run of its regions.
 * @return a multiple of 8; 0 for null, and if the policy cannot be saved
 *
 * Context: no other call on the engine. Ordering: none. Progress: linear in pages. Errors: none.
 */
PTW_API uint64_t ptw_engine_save_bytes(const struct ptw_engine *engine);

/**
 * Save an engine. What harvests have left to be taken in is taken in first. Pages that are being evicted are saved
 * as resident, since nobody can settle them in another process.
 * @param buffer of any alignment
 * @param size of the buffer; may be larger than needed
 * @param used set to the bytes of the image
 * @return PTW_OK, PTW_ERR_ARG, PTW_ERR_SIZE (the buffer is too small: it holds nothing of use then, *used is not set),
 *         PTW_ERR_UNSUPPORTED (the policy cannot be saved: it has a state and not both operations for that, or a name
 *         of more than 32 bytes)
 *
 * Context: no other call on the engine. Ordering: none. Progress: linear in pages. Errors: as returned.
 */
PTW_API int ptw_engine_save(struct ptw_engine *engine, void *buffer, uint64_t size, uint64_t *used);

/**
 * Fill an engine with what was saved. It must have as many pages, and groups with the same regions, attached by
 * the same calls; groups without regions do not matter and stay as they are. All else that the groups knew is
 * forgotten, words of harvests for their regions, too. What was set before is as it was in the image.
 *
 * Images of version 1 are read, too. They are of policies that keep the engine's order, and do not say which; the
 * tree, what was set, and the policy's state, if it has one, stay as they are.
 * @param buffer of any alignment; bytes behind the image do not matter
 * @param size at least the image's
 * @return PTW_OK, or, nothing changed:
 *         PTW_ERR_ARG, PTW_ERR_NOMEM (a bit for each page is needed meanwhile, three if the policy is
 *         ptw_policy_learned), PTW_ERR_UNSUPPORTED (the policy cannot be saved), PTW_ERR_POLICY
 *         (the image is another's), PTW_ERR_CORRUPT_BOUNDS (the image is cut off, or something in
 *         it is out of its range), PTW_ERR_CORRUPT_RESERVED (not an image, a wrong checksum, or
 *         bytes that are never written), PTW_ERR_CORRUPT_COUNT (pages do not add up to the size of
 *         their group, or to what the policy says of them), PTW_ERR_UNSUPPORTED (a sound image of another version),
 *         PTW_ERR_CONFIG (other pages, groups, regions, or another tree than the engine's),
 *         PTW_ERR_EXISTS (a page is resident, or being evicted)
 *
 * Context: no other call on the engine. Ordering: none; who uses the engine afterwards must be told so by means that
 * order. Progress: linear in pages. Errors: as returned; all is checked before anything is changed.
 */
PTW_API int ptw_engine_restore(struct ptw_engine *engine, const void *buffer, uint64_t size);

PTW_END_DECLS

#endif /* PTW_ENGINE_SAVE_H */
