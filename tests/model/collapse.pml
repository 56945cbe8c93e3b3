/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Collapse (R7 of docs/concurrency.md): the leaves of the table that the entry `top` leads to become
 * one block there. Against it
 *  - a processor sets accessed and dirty bits on what it walks to, also through its cached way into
 *    the table, and on the block once it is there,
 *  - a harvester clears accessed bits: ANDs on leaves, compare-exchange on the block, held or not,
 *  - an unmapper takes out everything, table or block, or gives up when it meets an owner.
 * BREAK (arm64): `top` is frozen and flushed between table and block, so that no processor has
 * both.
 *
 * Mutations: MUTATE_LATE_BITS_LOST (the block gets the bits seen when the children were held),
 * MUTATE_COPY_BITS (the block is published with bits that the children still have), MUTATE_NO_HOLD
 * (children are only looked at), MUTATE_PLAIN_STORE (holds are dropped by load and store),
 * MUTATE_IGNORE_HELD (the unmapper takes held entries), MUTATE_FREE_EARLY, MUTATE_NO_FLUSH,
 * MUTATE_PARENT_STORE (block over whatever `top` has become). Without BREAK: MUTATE_DROP_STORE (the
 * block's hold is dropped by a store), MUTATE_EARLY_DROP (the block is published without a hold).
 * With BREAK: MUTATE_NO_BREAK (block published before the flush).
 */
#define N 2
#define TABLES 1

byte top;

#include "common.pml"

#ifndef TOUCHES
#define TOUCHES 4
#endif

byte pend_top; /* books of `top` while it is a block */
byte removed;  /* pages taken out by the unmapper */

inline gather_children()
{
	i = 0;
	bits = 0;
	do
	:: i < N ->
		/* One exchange; what it returns is carried, not reported. The books follow in finish. */
		d_step {
			use(0);
			assert(is_leaf(e[slot(0, i)]) && is_owned(e[slot(0, i)]));
			bits = bits | (e[slot(0, i)] & (A | D));
			e[slot(0, i)] = FROZEN;
			i++
		}
	:: else -> break
	od
}

/* In the same step as `top` became a block: the books of the children are the block's now. */
inline carry_books()
{
	pend_top = pend_top | pend[0] | pend[1];
	pend[0] = 0;
	pend[1] = 0;
	assert(is_leaf(top)); /* nobody else took it */
	assert((top & (A | D)) == pend_top) /* a bit was lost, or made up */
}

proctype Collapser()
{
	byte value, i, bits, seen;
	bool ok;

	read_lock_top(value);
	if
	:: is_table(value) -> skip
	:: else ->
		read_unlock();
		goto out
	fi;
	/* Hold every child and verify: here, that all are leaves and nobody owns one. */
	ok = true;
	do
	:: ok && i < N ->
		load(0, i, value);
		if
		:: is_leaf(value) && !is_owned(value) ->
#ifdef MUTATE_NO_HOLD
			d_step {
				seen = seen | (value & (A | D));
				i++
			}
#else
			cas(0, i, value, value | HELD, ok);
			d_step {
				if
				:: ok ->
					seen = seen | (value & (A | D));
					i++
				:: else -> ok = true /* a bit came or went: look again */
				fi
			}
#endif
		:: else -> ok = false
		fi
	:: else -> break
	od;
	/* What is held pins the table, so the section may end. */
	read_unlock();
	if
	:: ok ->
#ifdef BREAK
#ifdef MUTATE_PARENT_STORE
		top = FROZEN;
#else
		cas_top(TABLE | 0, FROZEN, ok);
#endif
#else
		d_step {
#ifndef MUTATE_PARENT_STORE
			ok = (top == (TABLE | 0));
#endif
			if
			:: ok ->
#if defined(MUTATE_COPY_BITS)
				top = LEAF | HELD | seen;
#elif defined(MUTATE_EARLY_DROP)
				top = LEAF;
#else
				top = LEAF | HELD;
#endif
				pend_top = 0
			:: else
			fi
		};
#endif
	:: else
	fi;
	if
	:: !ok ->
		/* Drop the holds there are; bits come and go all the time. */
		do
		:: i > 0 ->
			load(0, i - 1, value);
#if defined(MUTATE_NO_HOLD)
			ok = true;
#elif defined(MUTATE_PLAIN_STORE)
			store(0, i - 1, value & ~HELD);
			ok = true;
#else
			assert(is_leaf(value) && is_owned(value));
			cas(0, i - 1, value, value & ~HELD, ok);
#endif
			if
			:: ok -> i--
			:: else
			fi
		:: else -> break
		od;
		goto out
	:: else
	fi;
#ifdef BREAK
#ifndef MUTATE_NO_BREAK
	flush();
#endif
	gather_children();
	skip; /* a loop may not end at a d_step */
	d_step {
		assert(path == 0); /* no processor has table and block */
#ifdef MUTATE_LATE_BITS_LOST
		top = LEAF | seen;
#else
		top = LEAF | bits;
#endif
		carry_books()
	};
#else
#ifdef MUTATE_LATE_BITS_LOST
	gather_children();
	bits = seen;
#else
	gather_children();
#endif
	ok = false;
	do
	:: !ok ->
		value = top;
#ifndef MUTATE_EARLY_DROP
		assert(is_leaf(value) && is_owned(value));
#endif
		d_step {
#ifdef MUTATE_DROP_STORE
			ok = true;
#else
			ok = (top == value);
#endif
			if
			:: ok ->
				top = (value | bits) & ~HELD;
				carry_books()
			:: else
			fi
		}
	:: else -> break
	od;
#endif
	flush();
	retire(0);
out:
	skip
}

proctype Unmapper()
{
	byte value, i;
	bool ok;

	/* A block: out with it, unless it is held. */
	read_lock_top(value);
	do
	:: is_leaf(value) && !is_owned(value) && !ok ->
		d_step {
			ok = (top == value);
			if
			:: ok ->
#ifdef BREAK
				top = FROZEN;
#else
				top = EMPTY;
#endif
				report(pend_top, value & (A | D));
				assert(pend_top == 0);
				removed = removed + N
			:: else -> value = top
			fi
		}
	:: else -> break
	od;
	if
	:: is_leaf(value) ->
		read_unlock();
		flush();
#ifdef BREAK
		if
		:: ok -> top = EMPTY
		:: else
		fi
#endif
		goto out
	:: is_table(value) -> cas_top(value, FROZEN, ok)
	:: else
	fi;
	read_unlock();
	if
	:: !ok -> goto out
	:: else
	fi;
	do
	:: ok && i < N ->
		load(0, i, value);
		if
#ifdef MUTATE_IGNORE_HELD
		:: is_leaf(value) ->
#else
		:: is_leaf(value) && !is_owned(value) ->
#endif
			cas_remove(0, i, value, FROZEN, ok);
			if
			:: ok ->
				removed++;
				i++
			:: else -> ok = true
			fi
		:: is_owned(value) -> ok = false
		fi
	:: else -> break
	od;
	if
	:: ok ->
#ifdef BREAK
		flush();
		top = EMPTY;
#else
		top = EMPTY;
		flush();
#endif
		retire(0)
	:: else ->
		flush();
		do
		:: i > 0 ->
			i--;
			store(0, i, EMPTY)
		:: else -> break
		od;
		top = TABLE | 0
	fi;
out:
	skip
}

inline touch_block(more)
{
	pend_top = pend_top | ((more) & ~top);
	top = top | (more)
}

proctype Processor()
{
	byte touches;

	do
	:: touches < TOUCHES ->
		touches++;
		if
		:: atomic { path == 0 && is_table(top) -> path = table_of(top) + 1 }
		:: atomic { path != 0 -> touch(0, A) }
		:: atomic { path != 0 -> touch(0, A | D) }
		:: atomic { path != 0 -> touch(1, A | D) }
		:: d_step { is_leaf(top) -> touch_block(A) }
		:: d_step { is_leaf(top) -> touch_block(A | D) }
		:: true
		fi
	:: else -> break
	od
}

proctype Harvester()
{
	byte value, i, passes;
	bool ok;

	do
	:: passes < 2 ->
		passes++;
		read_lock_top(value);
		if
		:: is_table(value) ->
			i = 0;
			do
			:: i < N ->
				/* Blind: nothing tells it what the entry has become. */
				d_step {
					use(0);
					if
					:: e[slot(0, i)] != JUNK && (e[slot(0, i)] & A) ->
						e[slot(0, i)] = e[slot(0, i)] & ~A;
						report(pend[slot(0, i)], A)
					:: else
					fi;
					i++
				}
			:: else -> break
			od
		:: is_leaf(value) && (value & A) ->
			/* One try: it may have become a table, empty or another's. */
			d_step {
				if
				:: top == value ->
					top = value & ~A;
					report(pend_top, A)
				:: else
				fi
			}
		:: else
		fi;
		read_unlock()
	:: else -> break
	od
}

init {
	byte i, left;

	atomic {
		state[0] = LINKED;
		e[0] = LEAF;
		e[1] = LEAF;
		top = TABLE | 0;
		run Collapser();
		run Processor();
		run Harvester();
		run Unmapper()
	};
	(_nr_pr == 1);
	d_step {
		assert(top != FROZEN && !(is_leaf(top) && is_owned(top)));
		if
		:: is_table(top) ->
			do
			:: i < N ->
				assert(!is_owned(e[slot(0, i)]));
				assert((e[slot(0, i)] & (A | D)) == pend[slot(0, i)]);
				left = left + (is_leaf(e[slot(0, i)]) -> 1 : 0);
				i++
			:: else -> break
			od;
			i = 1
		:: is_leaf(top) ->
			assert((top & (A | D)) == pend_top);
			left = N
		:: else
		fi;
		assert(left + removed == N); /* every page is mapped, or was removed and reported once */
		i = (is_table(top) -> 1 : 0);
		no_table_leaked(i)
	}
}
