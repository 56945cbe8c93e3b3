/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Reclaim of empty tables against refill (R8, R9 and R1 of docs/concurrency.md). The entry `top` leads
 * to table 0 (an upper one), whose entry 0 leads to table 1, which maps page 1 and has room for
 * page 0.
 *  - An unmapper takes out page 1. BREAK: it owns the entry over its flush, without a section. If
 *    its count makes table 1 empty, it reclaims it, and then the table above.
 *  - A second thread reclaims what is empty, whatever the counts say.
 *  - A mapper maps page 0: into table 1, or into a new one, with a new upper table if that is gone
 *    too.
 *  - A processor goes by its cached way to table 1, or (READER) a reader walks in a section.
 * Nothing that is mapped may be lost, no table freed that someone may still use, and at rest the
 * live counts are exact and no entry is left frozen.
 *
 * Mutations: MUTATE_NO_RECHECK (children are overwritten, since the count was 0),
 * MUTATE_PLAIN_STORE (the mapper stores into what it saw empty), MUTATE_IGNORE_FROZEN (a frozen
 * child counts as ours), MUTATE_FREE_EARLY (no grace period), MUTATE_RETIRE_EARLY (retired before
 * the flush), MUTATE_NO_RESTORE (gives up and leaves what it froze), MUTATE_RESTORE_PARENT_ONLY
 * (the same, but the way in comes back), MUTATE_PARENT_NOT_OWNED (children are frozen, but the way
 * in is only looked at), MUTATE_COUNT_LATE (the parent's count falls after its entry was let go).
 */
#define N 2
#define TABLES 4

byte top;

#include "common.pml"

short live[TABLES];
byte inserted = 1;
byte removed;

/*
 * Reclaim table `t`: its way in is owned (frozen) by the caller. `ok` says whether all is ours now;
 * otherwise every entry is as it was.
 */
inline freeze_children(t)
{
	i = 0;
	ok = true;
	do
	:: ok && i < N ->
#if defined(MUTATE_NO_RECHECK)
		store(t, i, FROZEN);
#elif defined(MUTATE_IGNORE_FROZEN)
		d_step {
			use(t);
			ok = (e[slot(t, i)] == EMPTY || e[slot(t, i)] == FROZEN);
			if
			:: ok -> e[slot(t, i)] = FROZEN
			:: else
			fi
		};
#else
		cas(t, i, EMPTY, FROZEN, ok);
#endif
		if
		:: ok -> i++
		:: else
		fi
	:: else -> break
	od;
	if
	:: !ok ->
#ifndef MUTATE_NO_RESTORE
#ifndef MUTATE_RESTORE_PARENT_ONLY
		do
		:: i > 0 ->
			i--;
			store(t, i, EMPTY)
		:: else -> break
		od
#else
		skip
#endif
#else
		skip
#endif
	:: else
	fi
}

/* Table below entry 0 of the upper table, then the upper one. In no section. */
inline reclaim()
{
	/* The lower table. */
	read_lock_top(value);
	ok = false;
	t = TABLES;
	if
	:: is_table(value) ->
		up = table_of(value);
		load(up, 0, value);
		if
		:: is_table(value) ->
			t = table_of(value);
#ifdef MUTATE_PARENT_NOT_OWNED
			ok = true
#else
			cas(up, 0, value, FROZEN, ok)
#endif
		:: else
		fi
	:: else
	fi;
	read_unlock();
	/* Our entry in the upper table pins that one. */
	if
	:: ok ->
		freeze_children(t);
		if
		:: ok ->
#ifdef BREAK
			flush();
#endif
			d_step {
				use(up);
#ifndef MUTATE_COUNT_LATE
				live[up]--;
#endif
				e[slot(up, 0)] = EMPTY
			};
#ifdef MUTATE_RETIRE_EARLY
			retire(t);
			flush();
#else
			flush();
			retire(t);
#endif
#ifdef MUTATE_COUNT_LATE
			d_step {
				use(up);
				live[up]--
			}
#endif
		:: else ->
#ifndef MUTATE_NO_RESTORE
			store(up, 0, TABLE | t)
#else
			skip
#endif
		fi
	:: else
	fi;
	/* The upper table: its way in is the root's entry, and the root stays. */
	ok = false;
	read_lock_top(value);
	if
	:: is_table(value) ->
		t = table_of(value);
		cas_top(value, FROZEN, ok)
	:: else
	fi;
	read_unlock();
	if
	:: ok ->
		freeze_children(t);
		if
		:: ok ->
#ifdef BREAK
			flush();
#endif
			top = EMPTY;
			flush();
			retire(t)
		:: else -> top = TABLE | t
		fi
	:: else
	fi
}

proctype Unmapper()
{
	byte value, up, t, i;
	bool ok, none_left;

	read_lock_top(value);
	if
	:: is_table(value) ->
		up = table_of(value);
		load(up, 0, value);
		if
		:: is_table(value) ->
			t = table_of(value);
			load(t, 1, value);
			if
			:: value == LEAF ->
#ifdef BREAK
				cas(t, 1, LEAF, FROZEN, ok)
#else
				cas(t, 1, LEAF, EMPTY, ok)
#endif
			:: else
			fi
		:: else
		fi
	:: else
	fi;
#ifdef BREAK
	read_unlock();
	if
	:: ok ->
		flush();
		/* While the entry is still ours, the table is there. */
		d_step {
			use(t);
			live[t]--;
			removed++;
			none_left = (live[t] == 0)
		};
		store(t, 1, EMPTY)
	:: else
	fi;
#else
	if
	:: ok ->
		d_step {
			use(t);
			live[t]--;
			removed++;
			none_left = (live[t] == 0)
		}
	:: else
	fi;
	read_unlock();
	flush();
#endif
	if
	:: none_left -> reclaim()
	:: else
	fi
}

proctype Reclaimer()
{
	byte value, up, t, i;
	bool ok;

	reclaim()
}

proctype Mapper()
{
	byte value, up, t, tries;
	bool ok;

	do
	:: !ok && tries < 2 ->
		tries++;
		up = TABLES;
		t = TABLES;
		read_lock_top(value);
		if
		:: is_table(value) ->
			up = table_of(value);
			load(up, 0, value);
			if
			:: is_table(value) ->
				t = table_of(value);
				load(t, 0, value);
				if
				:: value == EMPTY ->
#ifdef MUTATE_PLAIN_STORE
					store(t, 0, LEAF);
					ok = true;
#else
					cas(t, 0, EMPTY, LEAF, ok);
#endif
					d_step {
						if
						:: ok ->
							use(t);
							live[t]++;
							inserted++
						:: else
						fi
					}
				:: else
				fi;
				read_unlock()
			:: value == EMPTY ->
				read_unlock();
				/*
				 * A table with the page in it, built in private, and down again from
				 * the root. Losing that race is the business of publish.pml.
				 */
				read_lock_top(value);
				if
				:: is_table(value) ->
					up = table_of(value);
					d_step {
						use(up);
						ok = (e[slot(up, 0)] == EMPTY);
						if
						:: ok ->
							alloc_table(t);
							state[t] = LINKED;
							e[slot(t, 0)] = LEAF;
							e[slot(t, 1)] = EMPTY;
							live[t] = 1;
							e[slot(up, 0)] = TABLE | t;
							inserted++
						:: else
						fi
					};
					d_step {
						if
						:: ok ->
							use(up);
							live[up]++
						:: else
						fi
					}
				:: else
				fi;
				read_unlock()
			:: else -> read_unlock()
			fi
		:: value == EMPTY ->
			read_unlock();
			d_step {
				ok = (top == EMPTY);
				if
				:: ok ->
					alloc_table(up);
					state[up] = LINKED;
					alloc_table(t);
					state[t] = LINKED;
					e[slot(t, 0)] = LEAF;
					e[slot(t, 1)] = EMPTY;
					live[t] = 1;
					e[slot(up, 0)] = TABLE | t;
					e[slot(up, 1)] = EMPTY;
					live[up] = 1;
					top = TABLE | up;
					inserted++
				:: else
				fi
			}
		:: else -> read_unlock()
		fi
	:: else -> break /* mapped, or "again" */
	od
}

proctype Processor()
{
	byte value, up;

	/* Hardware has no sections: what it has cached must stay until the flush. */
	d_step {
		if
		:: is_table(top) -> value = e[slot(table_of(top), 0)]
		:: else
		fi;
		if
		:: is_table(value) -> path = table_of(value) + 1
		:: else
		fi
	};
	if
	:: atomic { path != 0 -> touch(1, 0) }
	:: path == 0
	fi
}

proctype Reader()
{
	byte value, t;

	read_lock_top(value);
	if
	:: is_table(value) ->
		t = table_of(value);
		load(t, 0, value);
		if
		:: is_table(value) ->
			t = table_of(value);
			load(t, 0, value)
		:: else
		fi
	:: else
	fi;
	read_unlock()
}

/* `live` against what is there. */
inline counts_exact(t)
{
	i = 0;
	do
	:: i < N ->
		assert(e[slot(t, i)] != FROZEN);
		assert(e[slot(t, i)] != JUNK);
		live[t] = live[t] - (e[slot(t, i)] != EMPTY -> 1 : 0);
		i++
	:: else -> break
	od;
	assert(live[t] == 0);
	linked_tables++
}

init {
	byte t, i, linked_tables, value;

	atomic {
		state[0] = LINKED;
		e[slot(0, 0)] = TABLE | 1;
		e[slot(0, 1)] = EMPTY;
		live[0] = 1;
		state[1] = LINKED;
		e[slot(1, 0)] = EMPTY;
		e[slot(1, 1)] = LEAF;
		live[1] = 1;
		top = TABLE | 0;
		run Unmapper();
		run Reclaimer();
		run Mapper();
#ifdef READER
		run Reader()
#else
		run Processor()
#endif
	};
	(_nr_pr == 1);
	d_step {
		assert(top == EMPTY || is_table(top));
		if
		:: is_table(top) ->
			t = table_of(top);
			counts_exact(t);
			value = e[slot(t, 0)];
			if
			:: is_table(value) ->
				t = table_of(value);
				counts_exact(t);
				inserted = inserted - (is_leaf(e[slot(t, 0)]) -> 1 : 0);
				inserted = inserted - (is_leaf(e[slot(t, 1)]) -> 1 : 0)
			:: else
			fi
		:: else
		fi;
		assert(inserted == removed); /* every mapping is there, or was removed */
		no_table_leaked(linked_tables)
	}
}
