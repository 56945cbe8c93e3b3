/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A table by one hardware transaction: RTM (SDM vol. 1, chapter "Programming with Intel Transactional
 * Synchronization Extensions"; abort codes in its table "RTM Abort Status Definition").
 *
 * All or nothing: if anybody else, hardware's page walkers included, writes to a line that was read, or
 * reads one that was written, before the end, then nothing was written at all. So plain loads and stores
 * are exact inside: for the accessed bit, for the dirty bit next to it, and for whatever a writer puts
 * there. What a scan saw before does not count; the young entries are looked for inside.
 *
 * Transactions may abort for any reason, or always. So that what this costs does not add up, a call that
 * got none through makes the next ones rest: for one table at first, and twice as many each time, up to
 * PTW_TX_REST_MOST. Where none ever commits that leaves one try in so many tables: switched off, but for
 * a look now and then whether that has changed. A commit ends it: the next rest is for one table again.
 */
#if defined(__x86_64__)

#include <ptw/port.h>
#include <ptw/port/tsan.h>

#include "ports/vector/vector.h"

/* Aborts of which the processor says that trying again may help: one more try, at once. */
#define PTW_TX_TRIES 2

#define PTW_TX_REST_FIRST 1u
#define PTW_TX_REST_MOST  4096u

/* What begins, and what can be said of an abort. Tests bring a processor of their own. */
#ifndef PTW_TX_BEGIN
#define PTW_TX_STARTED 0xffffffffu
#define PTW_TX_RETRY   0x2u /* "may succeed on a retry" */
#ifdef PTW_TSAN
/* It would see the accesses, but not that they are one. */
#define PTW_TX_BEGIN() 0u
#define PTW_TX_END()   ((void)0)
#else
#define PTW_TX_BEGIN() ptw_tx_begin()
#define PTW_TX_END()   ptw_tx_end()

/* After an abort the processor goes on at the label, with the status in eax and everything else as
 * it was here. */
static inline __attribute__((__always_inline__)) uint32_t ptw_tx_begin(void)
{
	uint32_t status = PTW_TX_STARTED;

	__asm__ volatile("xbegin 1f\n1:" : "+a"(status) : : "memory");
	return status;
}

static inline __attribute__((__always_inline__)) void ptw_tx_end(void)
{
	__asm__ volatile("xend" : : : "memory");
}
#endif
#endif

/* Relaxed, and two accesses instead of one: the transaction makes them one. */
static inline void ptw_tx_clear_entry(uint64_t *entry, uint64_t bit)
{
	__atomic_store_n(entry, ptw_port_load(entry) & ~bit, __ATOMIC_RELAXED);
}

/* Inside a transaction: 64 entries, of which `young` were found inside it, too. */
static inline void ptw_tx_clear_word(uint64_t *slot, uint64_t young, uint64_t bit)
{
	/* Often all of them, and then there is nothing to look for. */
	if (young == UINT64_MAX)
		for (unsigned int k = 0; k < 64; k++)
			ptw_tx_clear_entry(slot + k, bit);
	else
		for (; young; young &= young - 1)
			ptw_tx_clear_entry(slot + __builtin_ctzll(young), bit);
}

/* Rest after an abort. Relaxed, here and below: the state decides nothing but when it is worth another
 * try. Where several harvests share it, some of what they count is lost. */
static void ptw_tx_rest(struct ptw_transactions *state)
{
	uint32_t patience = ptw_port_load32(&state->patience);

	if (!patience)
		patience = PTW_TX_REST_FIRST;
	ptw_port_store32(&state->rest, patience);
	patience = patience < PTW_TX_REST_MOST / 2 ? patience * 2 : PTW_TX_REST_MOST;
	ptw_port_store32(&state->patience, patience);
}

static void ptw_tx_committed(struct ptw_transactions *state)
{
	ptw_port_store32(&state->committed, ptw_port_load32(&state->committed) + 1);
	if (ptw_port_load32(&state->patience))
		ptw_port_store32(&state->patience, 0);
}

bool ptw_clear_transaction(struct ptw_transactions *state, uint64_t *slot, unsigned int words,
			   uint64_t bit, uint64_t *young)
{
	uint32_t rest = ptw_port_load32(&state->rest);

	if (rest) {
		ptw_port_store32(&state->rest, rest - 1);
		return false;
	}
	for (unsigned int tries = 0; tries < PTW_TX_TRIES; tries++) {
		uint64_t found[PTW_SCAN_WORDS];
		uint32_t status = PTW_TX_BEGIN();

		if (status == PTW_TX_STARTED) {
			/* Registers that every x86-64 has; what it prefetches is what it reads. */
			ptw_scan_sse2(slot, words, bit, found, slot);
			for (unsigned int i = 0; i < words; i++)
				ptw_tx_clear_word(slot + 64 * i, found[i], bit);
			PTW_TX_END();
			for (unsigned int i = 0; i < words; i++)
				young[i] = found[i];
			ptw_tx_committed(state);
			return true;
		}
		ptw_port_store32(&state->aborted, ptw_port_load32(&state->aborted) + 1);
		if (!(status & PTW_TX_RETRY))
			break;
	}
	ptw_tx_rest(state);
	return false;
}

#endif
