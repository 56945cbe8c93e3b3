/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Unmapping a whole table (R4 and R1 of docs/concurrency.md): one operation takes out everything that
 * the entry `top` leads to, while
 *  - a processor sets accessed and dirty bits, also through its cached way to the table,
 *  - a harvester clears accessed bits with blind ANDs and reports them,
 *  - a mapper that may be inside already maps page 0 or 2, and builds a new table when there is
 *    none,
 *  - another operation owns entry 1 for a while. BREAK: it unmaps page 1 by itself, frozen until
 *    its flush; otherwise: it holds the leaf and lets it go again.
 * BREAK (arm64): a removed entry stays frozen until the flush; no new leaf may come in while a
 * processor still translates by the old one.
 *
 * Mutations: MUTATE_PLAIN_STORE (children are taken out by load and store), MUTATE_FREE_EARLY (no
 * grace period), MUTATE_RETIRE_EARLY (retired before the flush), MUTATE_NO_FLUSH,
 * MUTATE_IGNORE_FROZEN (takes another's frozen or held entry), MUTATE_NO_RESTORE (gives up without
 * thawing), MUTATE_CHILD_NOT_FROZEN (empty children are left as they are: a mapper inside maps into
 * the table that goes). With BREAK: MUTATE_THAW_EARLY (empty before the flush),
 * MUTATE_ABORT_NO_FLUSH (gives up and thaws without one).
 */
#define N 3
#define TABLES 2

byte top;

#include "common.pml"

#ifndef TOUCHES
#define TOUCHES 3
#endif

byte inserted = 2; /* leaves that were mapped, */
byte removed;      /* and those taken out */

inline remove_all_or_give_up()
{
	i = 0;
	do
	:: i < N ->
		load(t, i, value);
		if
#ifdef MUTATE_IGNORE_FROZEN
		:: is_owned(value) -> cas(t, i, value, FROZEN, ok)
#else
		:: is_owned(value) ->
			ok = false;
			break
#endif
		:: value == EMPTY ->
#ifdef MUTATE_CHILD_NOT_FROZEN
			ok = true
#else
			cas(t, i, EMPTY, FROZEN, ok)
#endif
		:: !is_owned(value) && is_leaf(value) ->
			cas_remove(t, i, value, FROZEN, ok);
			if
			:: ok -> removed++
			:: else
			fi
		fi;
		if
		:: ok -> i++
		:: else /* somebody set a bit, or mapped: look again */
		fi
	:: else ->
		ok = true;
		break
	od
}

proctype Unmapper()
{
	byte value, t, i;
	bool ok;

	read_lock_top(value);
	if
	:: is_table(value) -> cas_top(value, FROZEN, ok)
	:: else
	fi;
	t = table_of(value);
	read_unlock();
	if
	:: !ok -> goto out
	:: else
	fi;
	/* From here on the table is pinned: nobody else can take it out, since its way in is ours. */
	remove_all_or_give_up();
	if
	:: ok ->
#ifdef MUTATE_RETIRE_EARLY
		state[t] = LINKED;
		top = EMPTY;
		retire(t);
		flush()
#elif defined(BREAK) && !defined(MUTATE_THAW_EARLY)
		flush();
		top = EMPTY;
		retire(t)
#else
		top = EMPTY;
		flush();
		retire(t)
#endif
	:: else ->
#if defined(BREAK) && !defined(MUTATE_ABORT_NO_FLUSH)
		/* Entry by entry now: what was removed must be flushed before it can be mapped. */
		flush();
#endif
#ifndef MUTATE_NO_RESTORE
		do
		:: i > 0 ->
			i--;
			store(t, i, EMPTY)
		:: else -> break
		od;
		top = TABLE | t;
#endif
		flush()
	fi;
out:
	skip
}

proctype Owner()
{
	byte value, t;
	bool ok;

	read_lock_top(value);
	if
	:: is_table(value) ->
		t = table_of(value);
		load(t, 1, value);
		if
		:: is_leaf(value) && !is_owned(value) ->
#ifdef BREAK
			cas_remove(t, 1, value, FROZEN, ok)
#else
			cas(t, 1, value, value | HELD, ok)
#endif
		:: else
		fi
	:: else
	fi;
	read_unlock();
	/* The slot stays good without a section: what is owned pins its table. */
	if
	:: ok ->
#ifdef BREAK
		removed++;
		flush();
		store(t, 1, EMPTY)
#else
		ok = false;
		do
		:: !ok ->
			load(t, 1, value);
			assert(is_leaf(value) && is_owned(value));
			cas(t, 1, value, value & ~HELD, ok)
		:: else -> break
		od
#endif
	:: else
	fi
}

proctype Mapper()
{
	byte value, t, tries, page;
	bool ok;

	if
	:: page = 0
	:: page = 2
	fi;
	do
	:: tries < 2 ->
		tries++;
		read_lock_top(value);
		if
		:: is_table(value) ->
			t = table_of(value);
			load(t, page, value);
			if
			:: value == EMPTY ->
				atomic {
					cas(t, page, EMPTY, LEAF, ok);
					if
					:: ok ->
#ifdef BREAK
						assert(!tlb[page]); /* two translations of a page */
#endif
						inserted++
					:: else
					fi
				}
			:: else
			fi
		:: else
		fi;
		read_unlock();
		if
		:: value == EMPTY && !ok && top == EMPTY ->
			alloc_table(t);
			/* In private, as in one step. */
			d_step {
				e[slot(t, 0)] = EMPTY;
				e[slot(t, 1)] = EMPTY;
				e[slot(t, 2)] = EMPTY;
				e[slot(t, page)] = LEAF
			};
			d_step {
				ok = (top == EMPTY);
				if
				:: ok ->
					top = TABLE | t;
					state[t] = LINKED;
					inserted++;
#ifdef BREAK
					assert(!tlb[page] && path == 0)
#endif
				:: else -> free_table(t)
				fi
			}
		:: else
		fi;
		if
		:: ok -> break
		:: else
		fi
	:: else -> break
	od
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
		:: atomic { path != 0 -> touch(2, A | D) }
		:: true
		fi
	:: else -> break
	od
}

proctype Harvester()
{
	byte value, t, i;

	read_lock_top(value);
	if
	:: is_table(value) ->
		t = table_of(value);
		do
		:: i < N ->
			/* One AND, blind: harmless on what the entry has become. */
			d_step {
				use(t);
				if
				:: e[slot(t, i)] != JUNK && (e[slot(t, i)] & A) ->
					e[slot(t, i)] = e[slot(t, i)] & ~A;
					report(pend[slot(t, i)], A)
				:: else
				fi;
				i++
			}
		:: else -> break
		od
	:: else
	fi;
	read_unlock()
}

init {
	byte t, linked_tables, i;

	atomic {
		state[0] = LINKED;
		e[0] = LEAF;
		e[1] = LEAF;
		e[2] = EMPTY;
		top = TABLE | 0;
		run Unmapper();
		run Mapper();
		run Owner();
		run Processor();
		run Harvester()
	};
	(_nr_pr == 1);
	d_step {
		assert(top == EMPTY || is_table(top)); /* nobody owns anything at rest */
		if
		:: is_table(top) ->
			linked_tables = 1;
			t = table_of(top);
			do
			:: i < N ->
				assert(e[slot(t, i)] == EMPTY || is_leaf(e[slot(t, i)]));
				assert(!is_owned(e[slot(t, i)]));
				/* What is not reported is still set. */
				assert((e[slot(t, i)] & (A | D)) == pend[slot(t, i)]);
				inserted = inserted - (is_leaf(e[slot(t, i)]) -> 1 : 0);
				i++
			:: else -> break
			od
		:: else
		fi;
		assert(inserted == removed); /* every mapping is there, or was removed and reported */
		no_table_leaked(linked_tables)
	}
}
