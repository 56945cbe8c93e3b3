/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reverse map, frames with a single entry (<ptw/shadow.h>). There are two frames, F and G, and one
 * entry, which a writer lets map F, G, F and so on, by the rules: non-present, out of the reverse
 * map, written anew, into the reverse map. In the end it may be freed.
 *  - Readers (of F, and of G) make the entry old, taking nothing: word, entry, word again, one
 *    compare-exchange; two tries.
 *  - A processor reads and writes by the entry.
 *  - UNMAP: somebody unmaps F by the reverse map. DIRTY: somebody harvests dirty state of F. Both
 *    hold the word, though it is a single entry: held, it cannot come to map another frame.
 *    (Instead of G's reader.)
 *
 * An accessed or dirty bit is told once, for the frame whose access set it, or is still set, and
 * nobody writes an entry that he did not look at; the entry's memory is not touched after it was
 * freed.
 *
 * The limit that <ptw/shadow.h> admits: the entry is re-used three times (F to G, to F, to G)
 * between a reader's first load and its compare-exchange. Up to MOVES=2 there is no wrong answer
 * (2 is what is checked if nothing is said). With MOVES=4 the model shows that only a reader whom
 * three moves or more overtook tells G's access for F, that nothing else goes wrong then, and that
 * UNMAP and DIRTY, who hold the word, are exact all the same. -DSTRICT allows no wrong answer:
 * with MOVES=3 it is found.
 *
 * Mutations: MUTATE_NO_REREAD (the word is not loaded again), MUTATE_STORE (the entry is made old
 * by a store), MUTATE_AND (by a blind AND), MUTATE_FREE_EARLY (no grace period), MUTATE_ADD_FIRST
 * (the entry is added to its new frame before it is taken out of the old one), MUTATE_MAP_FIRST
 * (it is seen to map the new frame before it is out of the old one's word: as weaker memory shows
 * it, unless the store that maps is a release), MUTATE_NO_ZAP (taken out and mapped anew without
 * being made non-present: the old bits are gone), MUTATE_SPLIT_ZAP (the zap loads, and stores).
 * With UNMAP or DIRTY: MUTATE_NO_HOLD (no hold: what readers do), MUTATE_HOLD_BLIND (held by a
 * store, whatever the word has become), MUTATE_IGNORE_HELD (the writer removes from a held word).
 */
#define GRACE 1
#include "grace.pml"

#ifndef MOVES
#define MOVES 2
#endif
#if defined(UNMAP) || defined(DIRTY)
#define HOLDER
#endif
#ifndef TOUCHES
#ifdef HOLDER
#define TOUCHES 2
#else
#define TOUCHES 3
#endif
#endif

#define F 0
#define G 1

/* An entry. */
#define EMPTY 0
#define MAPS(frame) (1 + (frame)) /* 1 or 2 */
#define A 4
#define D 8
#define JUNK 16

#define is_leaf(value) (((value) & 3) != 0)
#define frame_of(value) (((value) & 3) - 1)

/* A word of the reverse map. */
#define SINGLE 1
#define HELD 2

byte word[2];
byte e;
byte moves; /* times the entry came to map another frame than before */
/* Books: bits set by an access to the frame, and not told yet. */
byte pend[2];

#define use() assert(e != JUNK)

inline report(its_frame, its_bits)
{
	assert((pend[its_frame] & (its_bits)) == (its_bits)); /* told, but nobody did it */
	pend[its_frame] = pend[its_frame] & ~(its_bits)
}

/* Bits of the leaf `value` are told for `its_frame`, by a reader who began at `its_began` moves. */
inline report_of_reader(its_frame, its_value, its_bits, its_began)
{
	if
	:: frame_of(its_value) == (its_frame) -> report(its_frame, its_bits)
	:: else ->
#ifdef STRICT
		assert(false);
#endif
		assert(moves - (its_began) >= 3); /* admitted */
		report(frame_of(its_value), its_bits)
	fi
}

/* What the entry says is taken with it, and told for what it maps. */
inline zap(its_value)
{
#ifdef MUTATE_SPLIT_ZAP
	its_value = e;
	d_step {
		e = EMPTY;
#else
	d_step {
		use();
		its_value = e;
		e = EMPTY;
#endif
		if
		:: is_leaf(its_value) ->
			report(frame_of(its_value), its_value & (A | D));
			assert(pend[frame_of(its_value)] == 0) /* set, and never told */
		:: else
		fi
	}
}

/* `ok`: the entry is in the word no longer. Bounded tries. */
inline take_out(its_frame, its_tries, its_ok)
{
	its_ok = false;
	its_tries = 0;
	do
	:: !its_ok && its_tries < 2 ->
		d_step {
			its_tries++;
			if
			:: word[its_frame] == 0 -> its_ok = true /* absent: UNMAP has been here */
#ifdef MUTATE_IGNORE_HELD
			:: word[its_frame] != 0 ->
#else
			:: word[its_frame] == SINGLE ->
#endif
				word[its_frame] = 0;
				its_ok = true
			:: else /* held */
			fi
		}
	:: else -> break
	od;
	its_tries = 0
}

inline put_in(its_frame)
{
	d_step {
		assert(word[its_frame] == 0);
		word[its_frame] = SINGLE
	}
}

proctype Writer()
{
	byte value, frame, tries;
	bool ok;

	do
	:: moves < MOVES ->
#ifdef MUTATE_ADD_FIRST
		zap(value);
		d_step {
			e = MAPS(1 - frame);
			moves++
		};
		put_in(1 - frame);
		take_out(frame, tries, ok);
#else
#ifndef MUTATE_NO_ZAP
		zap(value);
#endif
#ifdef MUTATE_MAP_FIRST
		d_step {
			e = MAPS(1 - frame);
			moves++
		};
#endif
		take_out(frame, tries, ok);
		if
		:: ok
		:: else -> goto out /* again later; the entry is empty, and in the reverse map */
		fi;
#ifndef MUTATE_MAP_FIRST
		d_step {
			assert(frame_of(e) != 1 - frame);
			e = MAPS(1 - frame); /* nobody else writes an empty entry */
			moves++
		};
#endif
		put_in(1 - frame);
#endif
		frame = 1 - frame
	:: break
	:: else -> break
	od;
	if
	:: true
	:: true ->
		zap(value);
		take_out(frame, tries, ok);
		if
		:: ok ->
#ifndef MUTATE_FREE_EARLY
			grace_period(0);
#endif
			e = JUNK
		:: else
		fi
	fi;
out:
	skip
}

proctype Reader(byte frame)
{
	byte first, value, tries, began;
	bool ok;

	read_lock();
	do
	:: tries < 2 ->
		tries++;
		d_step {
			first = word[frame] & ~HELD;
			began = moves
		};
		if
		:: first == 0 -> break
		:: else
		fi;
		d_step {
			use();
			value = e
		};
#ifndef MUTATE_NO_REREAD
		if
		:: (word[frame] & ~HELD) == first -> ok = true
		:: else -> ok = false
		fi;
#else
		ok = true;
#endif
		if
		:: ok && !(is_leaf(value) && (value & A)) -> break /* old */
		:: ok && is_leaf(value) && (value & A) ->
			d_step {
				use();
#if defined(MUTATE_AND)
				ok = true;
				value = e;
				e = e & ~A;
				if
				:: !(value & A) -> ok = false
				:: else
				fi;
#elif defined(MUTATE_STORE)
				e = value & ~A;
#else
				ok = (e == value);
				if
				:: ok -> e = value & ~A
				:: else
				fi;
#endif
				if
				:: ok -> report_of_reader(frame, value, A, began)
				:: else
				fi
			};
			if
			:: ok -> break
			:: else
			fi
		:: else /* the word has changed */
		fi
	:: else -> break /* not asked */
	od;
	tries = 0;
	d_step {
		value = 0;
		first = 0;
		began = 0;
		ok = false
	};
	read_unlock()
}

#ifdef HOLDER
proctype Holder()
{
	byte value, tries, first;
	bool ok;

	read_lock();
	do
	:: !ok && tries < 2 ->
		tries++;
		first = word[F];
		if
		:: first == SINGLE ->
#if defined(MUTATE_NO_HOLD)
			ok = true;
			break
#elif defined(MUTATE_HOLD_BLIND)
			word[F] = SINGLE | HELD;
			ok = true
#else
			d_step {
				ok = (word[F] == first);
				if
				:: ok -> word[F] = first | HELD
				:: else
				fi
			}
#endif
		:: else -> break
		fi
	:: else -> break
	od;
	if
	:: ok ->
#ifdef UNMAP
		d_step {
			use();
			value = e;
			e = EMPTY;
			if
			:: is_leaf(value) ->
				assert(frame_of(value) == F); /* another frame was unmapped */
				report(F, value & (A | D))
			:: else
			fi
		};
#ifdef MUTATE_NO_HOLD
		take_out(F, tries, ok)
#else
		word[F] = 0
#endif
#else
		tries = 0;
		ok = false;
		do
		:: !ok && tries < 2 ->
			tries++;
			d_step {
				use();
				value = e
			};
#ifdef MUTATE_NO_HOLD
			if
			:: word[F] == SINGLE
			:: else -> break
			fi;
#endif
			d_step {
				ok = (e == value);
				if
				:: ok && is_leaf(value) ->
					e = value & ~(A | D);
					assert(frame_of(value) == F); /* another's dirty state */
					report(F, value & (A | D))
				:: else
				fi
			}
		:: else -> break
		od;
#ifndef MUTATE_NO_HOLD
		word[F] = SINGLE
#endif
#endif
	:: else
	fi;
	tries = 0;
	d_step {
		value = 0;
		first = 0;
		ok = false
	};
	read_unlock()
}
#endif

inline touch(its_bits)
{
	d_step {
		if
		:: is_leaf(e) ->
			pend[frame_of(e)] = pend[frame_of(e)] | ((its_bits) & ~e);
			e = e | (its_bits)
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
		:: touch(A)
#ifdef HOLDER
		:: touch(A | D)
#endif
		fi
	:: else -> break
	od
}

init {
	atomic {
		e = MAPS(F);
		word[F] = SINGLE;
		run Writer();
		run Reader(F);
#ifdef HOLDER
		run Holder();
#else
		run Reader(G);
#endif
		run Processor()
	};
	(_nr_pr == 1);
	d_step {
		assert(!((word[F] | word[G]) & HELD));
		assert(word[F] == 0 || word[G] == 0);
		if
		:: is_leaf(e) && e != JUNK ->
			assert(word[frame_of(e)] == SINGLE);
			/* What was not told is still set. */
			assert(pend[frame_of(e)] == (e & (A | D)));
			assert(pend[1 - frame_of(e)] == 0)
		:: else -> assert(pend[F] == 0 && pend[G] == 0)
		fi
	}
}
