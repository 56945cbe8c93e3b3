/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reverse map, one frame with several entries (<ptw/shadow.h>): chains of blocks, two entries a
 * block, the first block maybe not full. Whoever reads or changes a chain holds the word; nobody
 * waits for long: two looks at a held word, and he answers again (a reader: not asked).
 *  - One writer takes entry 1 out and puts it in again; one takes entry 2 out; one puts entry 3
 *    in. The entries are made non-present before, and map another frame as soon as they are out.
 *  - A reader makes young entries old, by a compare-exchange on each; a single entry without a
 *    hold.
 *  - UNMAP, instead of the writer of entry 1: somebody zaps and takes out whatever is there.
 * START says what there is at first: 1: entry 1 alone, without the writer of entry 2; 2: a chain
 * of entries 1 and 2; 4: one of 1, 2 and 4, in two blocks, without the writer of entry 3, or (ADD)
 * without that of entry 2.
 *
 * Nobody reads a block that is free or half changed; one holds at a time; no entry is lost or in
 * the map twice; at rest blocks are used exactly as the word says. Accesses to another frame are
 * not told for this one, and none is told twice or lost.
 *
 * A block may be freed before the word is released, provided that the new word was made before:
 * nobody else looks into a block without the hold (FREE_HELD).
 *
 * Mutations: MUTATE_NO_BIT (the reader walks without a hold), MUTATE_FREE_FIRST (the block is
 * freed, then the new word read from it), MUTATE_FREE_NEVER, MUTATE_NO_CHAIN_BIT (the reader
 * releases without the bit that says chain), MUTATE_STALE_WORD (the reader releases with the word
 * he saw at his first try), MUTATE_NO_RECHECK (a writer holds by a blind OR, and goes on with the
 * block he saw before), MUTATE_HOLD_STORE (held by load and store), MUTATE_NO_RELEASE (who finds
 * the entry in another block than the first does not release), MUTATE_CONVERT_STORE (a single
 * becomes a chain by a store), MUTATE_KEEP_ONE (a chain of one stays a chain whose block is
 * freed). With UNMAP: MUTATE_IGNORE_HELD (a writer changes a held single).
 */
#define GRACE 1
#include "grace.pml"

#ifndef START
#define START 2
#endif
#ifndef TOUCHES
#define TOUCHES (START != 2) /* accesses, beside those before the beginning */
#endif

#include "rmap_blocks.pml"

/* As a writer must: non-present, out, mapped to something else. */
inline take_out(x)
{
	zap(x);
	remove(x);
#ifndef UNMAP
	assert(!absent); /* lost */
#endif
	if
	:: done || absent ->
		d_step {
			in_map = in_map & ~(1 << x);
			e[x] = OTHERS | A
		}
	:: else
	fi
}

/* At its end a process has no state. */
inline forget()
{
	d_step {
		done = false;
		absent = false
	}
}

proctype Mover()
{
	byte w, b, place, i, gone, spare, tries;
	bool done, absent;

	take_out(1);
	if
	:: done || absent ->
		e[1] = EMPTY;
		e[1] = OURS; /* written first, and then put in */
		add(1);
		if
		:: done -> in_map = in_map | (1 << 1)
		:: else -> zap(1)
		fi
	:: else
	fi;
	forget()
}

proctype Remover()
{
	byte w, b, place, i, gone, tries;
	bool done, absent;

	take_out(2);
	forget()
}

proctype Adder()
{
	byte w, b, spare, tries;
	bool done;

	e[3] = OURS;
	add(3);
	if
	:: done -> in_map = in_map | (1 << 3)
	:: else -> zap(3)
	fi;
	done = false
}

/* One entry that a chain which is held, or a single word, leads to. */
inline age(x)
{
	d_step {
		value = e[x];
	};
	if
	:: value & A ->
		d_step {
			if
			:: e[x] == value ->
				assert(value & OURS); /* another frame's access */
				assert(pend & (1 << x));
				pend = pend & ~(1 << x);
				e[x] = value & ~A
			:: else
			fi
		}
	:: else
	fi;
	value = 0
}

proctype Reader()
{
	byte w, first, b, i, tries, value;
	bool done;

	read_lock();
	do
	:: !done && tries < 2 ->
		d_step {
			w = word;
			if
			:: first == 0 -> first = w
			:: else
			fi;
			if
			:: w & CHAIN && w & HELD -> tries++
			:: else
			fi
		};
		if
		:: w == 0 -> break
		:: w != 0 && !(w & CHAIN) ->
			tries++;
			value = e[w & NUMBER];
			if
			:: (word & ~HELD) == (w & ~HELD) && (value & A) ->
				d_step {
					b = w & NUMBER;
					done = (e[b] == value);
					if
					:: done ->
						assert(value & OURS); /* another frame's access */
						assert(pend & (1 << b));
						pend = pend & ~(1 << b);
						e[b] = value & ~A
					:: else
					fi;
					b = 0
				}
			:: (word & ~HELD) == (w & ~HELD) && !(value & A) -> break
			:: (word & ~HELD) != (w & ~HELD)
			fi;
			value = 0
		:: (w & CHAIN) && !(w & HELD) ->
#ifdef MUTATE_NO_BIT
			done = true;
#else
			hold(w, done);
#endif
			if
			:: done ->
				b = w & NUMBER;
				do
				:: b != 0 ->
					look(b);
					if
					:: i < count[b] ->
						age(slots[slot(b, i)]);
						i++
					:: else ->
						b = next[b];
						i = 0
					fi
				:: else -> break
				od;
#ifndef MUTATE_NO_BIT
#if defined(MUTATE_NO_CHAIN_BIT)
				release(w & NUMBER)
#elif defined(MUTATE_STALE_WORD)
				release(first & ~HELD)
#else
				release(w)
#endif
#endif
			:: else
			fi
		:: else /* held */
		fi
	:: else -> break
	od;
	tries = 0;
	d_step {
		w = 0;
		first = 0;
		done = false;
		b = 0;
		i = 0
	};
	read_unlock()
}

#ifdef UNMAP
proctype Unmapper()
{
	byte w, b, i, gone, tries;
	bool done;

	do
	:: !done && tries < 2 ->
		load_word(w, tries);
		if
		:: w == 0 -> break
		:: w != 0 && !(w & HELD) ->
			hold(w, done);
			if
			:: done && !(w & CHAIN) ->
				zap(w);
				d_step {
					unmapped = 1 << w;
					w = 0
				};
				release(0)
			:: done && (w & CHAIN) ->
				b = w & NUMBER;
				do
				:: b != 0 ->
					look(b);
					if
					:: i < count[b] ->
						zap(slots[slot(b, i)]);
						unmapped = unmapped | (1 << slots[slot(b, i)]);
						i++
					:: else ->
						b = next[b];
						i = 0
					fi
				:: else -> break
				od;
				release(0);
				b = w & NUMBER;
				do
				:: b != 0 ->
					gone = b;
					b = next[b];
					free_block(gone);
					gone = 0
				:: else -> break
				od
			:: else
			fi
		:: else /* held */
		fi
	:: else -> break
	od
}
#endif

inline touch(x)
{
	d_step {
		if
		:: (e[x] & OURS) && !(e[x] & A) ->
			pend = pend | (1 << x);
			e[x] = e[x] | A
		:: else
		fi
	}
}

proctype Processor()
{
	byte touches;

	do
	:: touches < TOUCHES ->
		touches++;
		if
		:: touch(1)
		:: touch(2)
		fi
	:: else -> break
	od
}

init {
	byte w, b, i, found, blocks;

	d_step {
		e[1] = OURS | A;
		e[2] = (START >= 2 -> OURS : EMPTY);
		e[4] = (START >= 4 -> OURS | A : EMPTY);
		pend = (START >= 4 -> 2 | 16 : 2);
		in_map = (START == 1 -> 2 : (START == 2 -> 6 : 22));
		slots[slot(1, 0)] = 1;
		slots[slot(1, 1)] = 2;
		count[1] = 2;
		used[1] = (START >= 2);
		used[2] = (START >= 4);
		slots[slot(2, 0)] = 4;
		count[2] = 1;
		next[2] = 1;
		word = (START == 1 -> 1 : (START == 2 -> CHAIN | 1 : CHAIN | 2))
	};
	atomic {
#ifdef UNMAP
		run Unmapper();
#else
		run Mover();
#endif
#if START == 2 || (START == 4 && !defined(ADD))
		run Remover();
#endif
#if START < 4 || defined(ADD)
		run Adder();
#endif
		run Reader();
		run Processor()
	};
	(_nr_pr == 1);
	d_step {
		assert(!(word & HELD) && holder == 0);
		w = word;
		if
		:: w & CHAIN ->
			b = w & NUMBER;
			do
			:: b != 0 ->
				look(b);
				assert(count[b] > 0);
				if
				:: i < count[b] ->
					assert(!(found & (1 << slots[slot(b, i)]))); /* twice */
					found = found | (1 << slots[slot(b, i)]);
					i++
				:: else ->
					blocks++;
					b = next[b];
					i = 0
				fi
			:: else -> break
			od
		:: w != 0 && !(w & CHAIN) -> found = 1 << w
		:: else
		fi;
		assert(found == (in_map & ~unmapped));
		i = 1;
		do
		:: i <= BLOCKS ->
			if
			:: used[i] -> blocks--
			:: else
			fi;
			i++
		:: else -> break
		od;
		assert(blocks == 0); /* as many blocks as the chain has */
		i = 1;
		do
		:: i <= 4 ->
			/* What was not told is still set. */
			assert(((pend >> i) & 1) == ((e[i] & OURS) && (e[i] & A) -> 1 : 0));
			i++
		:: else -> break
		od
	}
}
