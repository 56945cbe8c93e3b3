/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Publishing: three mappers find no table below the same entry. Each builds one in private and
 * tries to link it; the losers free theirs and go on in the winner's. Two want the same page: one
 * gets it, the other hears that it exists. A walker looks on.
 *
 * Mutations: MUTATE_PLAIN_STORE (link by a store), MUTATE_PUBLISH_EARLY (link before the table is
 * complete), MUTATE_LOSER_LEAKS (does not free its own), MUTATE_LOSER_STOPS (does not go on in the
 * winner's), MUTATE_LEAF_STORE (the leaf goes in by a store), MUTATE_FREE_WINNER (loser frees the
 * table it found linked).
 */
#define N 3
#define TABLES 3

byte top = 0;

#include "common.pml"

byte live[TABLES];
byte mapped; /* pages that a mapper says it mapped, as bits */
byte mappers_ok;
byte mappers_exist;

proctype Mapper(byte want)
{
	byte value, mine;
	bool ok, linked;

	read_lock_top(value);
	read_unlock();
	if
	:: value == EMPTY ->
		alloc_table(mine);
		live[mine] = 1;
#ifdef MUTATE_PUBLISH_EARLY
		state[mine] = LINKED;
		cas_top(EMPTY, TABLE | mine, linked);
#endif
		store(mine, 0, (want == 0 -> LEAF : EMPTY));
		store(mine, 1, (want == 1 -> LEAF : EMPTY));
		store(mine, 2, (want == 2 -> LEAF : EMPTY));
#ifndef MUTATE_PUBLISH_EARLY
		d_step {
#ifdef MUTATE_PLAIN_STORE
			linked = true;
#else
			linked = (top == EMPTY);
#endif
			if
			:: linked ->
				top = TABLE | mine;
				state[mine] = LINKED
			:: else
			fi
		};
#endif
		if
		:: linked -> goto done
		:: else
		fi;
#ifdef MUTATE_FREE_WINNER
		d_step {
			state[table_of(top)] = PRIVATE;
			free_table(table_of(top));
		}
#endif
#ifndef MUTATE_LOSER_LEAKS
		d_step {
			live[mine] = 0;
			free_table(mine)
		}
#endif
#ifdef MUTATE_LOSER_STOPS
		goto done
#endif
	:: else
	fi;
	read_lock();
	d_step {
		mine = 0;
		value = top;
		assert(is_table(value))
	};
	mine = table_of(value);
	load(mine, want, value);
	if
	:: value == EMPTY ->
#ifdef MUTATE_LEAF_STORE
		store(mine, want, LEAF);
		ok = true;
#else
		cas(mine, want, EMPTY, LEAF, ok);
#endif
	:: else -> ok = false
	fi;
	if
	:: ok -> live[mine] = live[mine] + 1
	:: else
	fi;
	read_unlock();
	if
	:: !ok ->
		mappers_exist++;
		goto out
	:: else
	fi;
done:
	skip;
	d_step {
		mappers_ok++;
		mapped = mapped | (1 << want)
	};
out:
	skip
}

proctype Walker()
{
	byte value, t;

	read_lock_top(value);
	if
	:: is_table(value) ->
		t = table_of(value);
		load(t, 0, value); /* asserts that it was initialized, and not given back */
		load(t, 1, value);
		load(t, 2, value)
	:: else
	fi;
	read_unlock()
}

init {
	byte t, linked_tables;

	atomic {
		run Mapper(0);
		run Mapper(1);
		run Mapper(1);
		run Walker()
	};
	(_nr_pr == 1);
	d_step {
		assert(is_table(top));
		t = table_of(top);
		/* Nothing that was said to be mapped is lost; one of the two was told that it exists. */
		assert(mapped == 3);
		assert(mappers_ok == 2 && mappers_exist == 1);
		assert(e[slot(t, 0)] == LEAF && e[slot(t, 1)] == LEAF && e[slot(t, 2)] == EMPTY);
		assert(live[t] == 2);
		linked_tables = 1;
		no_table_leaked(linked_tables)
	}
}
