/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the models of the protocols share: entries, tables, grace periods, processors' caches, and
 * the books that tell whether an accessed or dirty bit was lost or told twice.
 *
 * Each model is included after N (entries per table) and TABLES are set. Every step on shared state
 * is one d_step: one atomic access of the library or of hardware. Memory is sequentially consistent
 * here; what weaker memory may do is the business of tests/litmus.
 */

/* An entry is a byte. A table entry is TABLE plus the number of the table. */
#define EMPTY 0
#define FROZEN 1
#define LEAF 2
#define A 4
#define D 8
#define HELD 16
#define TABLE 32
#define JUNK 64 /* memory that nobody has initialized, or that was given back */

#define is_table(value) (((value) & TABLE) != 0)
#define is_leaf(value) (((value) & LEAF) != 0 && !is_table(value))
#define is_owned(value) ((value) == FROZEN || (is_leaf(value) && ((value) & HELD)))
#define table_of(value) ((value) & 3)
#define slot(t, i) ((t) * N + (i))

#define FREE 0
#define PRIVATE 1
#define LINKED 2
#define RETIRED 3

byte e[TABLES * N] = JUNK;
/*
 * Books: bits of the entry that were set by a processor and neither reported nor carried elsewhere.
 * They move by what happens, not by what the operation believes.
 */
byte pend[TABLES * N];
byte state[TABLES];
byte readers;       /* processes in a read-side section, as bits */
byte waits[TABLES]; /* retired tables: readers that were inside then, and still are */

#define me (1 << _pid)

/* Parameters of inlines have names of their own (its_...), since they are replaced by text. */

/* Memory is given back at the first moment at which it may be: later ones show no more. */
inline free_table(its_t)
{
	assert(state[its_t] == PRIVATE || state[its_t] == RETIRED);
	state[its_t] = FREE;
	free_i = 0;
	do
	:: free_i < N ->
		e[slot(its_t, free_i)] = JUNK;
		assert(pend[slot(its_t, free_i)] == 0); /* a bit was lost with its table */
		free_i++
	:: else -> break
	od;
	free_i = 0
}

inline alloc_table(its_t)
{
	d_step {
		its_t = 0;
		do
		:: state[its_t] != FREE -> its_t++
		:: else -> break
		od;
		assert(its_t < TABLES);
		state[its_t] = PRIVATE
	}
}

inline read_lock()
{
	readers = readers | me
}

/* A section begins, and reads `top`: beginning earlier would only keep more memory. */
inline read_lock_top(its_value)
{
	d_step {
		readers = readers | me;
		its_value = top
	}
}

inline read_unlock()
{
	d_step {
		readers = readers & ~me;
		unlock_t = 0;
		do
		:: unlock_t < TABLES && state[unlock_t] == RETIRED ->
			waits[unlock_t] = waits[unlock_t] & ~me;
			if
			:: waits[unlock_t] == 0 -> free_table(unlock_t)
			:: else
			fi;
			unlock_t++
		:: unlock_t < TABLES && state[unlock_t] != RETIRED -> unlock_t++
		:: else -> break
		od;
		unlock_t = 0
	}
}

inline retire(its_t)
{
	d_step {
		assert(!(readers & me)); /* flush and retire are outside sections */
		assert(state[its_t] == LINKED);
		state[its_t] = RETIRED;
#ifdef MUTATE_FREE_EARLY
		waits[its_t] = 0;
#else
		waits[its_t] = readers;
#endif
		if
		:: waits[its_t] == 0 -> free_table(its_t)
		:: else
		fi
	}
}

/* Nobody may touch memory that was given back. */
#define use(t) assert(state[t] != FREE)

inline load(its_t, its_i, its_value)
{
	d_step {
		use(its_t);
		its_value = e[slot(its_t, its_i)];
		assert(its_value != JUNK)
	}
}

inline store(its_t, its_i, its_value)
{
	d_step {
		use(its_t);
		e[slot(its_t, its_i)] = its_value
	}
}

/* `ok` says whether the entry was `old`; nothing is reported of it. */
inline cas(its_t, its_i, its_old, its_new, its_ok)
{
	d_step {
		use(its_t);
		its_ok = (e[slot(its_t, its_i)] == (its_old));
		if
		:: its_ok -> e[slot(its_t, its_i)] = its_new
		:: else
		fi
	}
}

inline cas_top(its_old, its_new, its_ok)
{
	d_step {
		its_ok = (top == (its_old));
		if
		:: its_ok -> top = its_new
		:: else
		fi
	}
}

/* `bits` of the books are told to the caller: each was set once and is told once. */
inline report(its_book, its_bits)
{
	assert(((its_book) & (its_bits)) == (its_bits)); /* told, but set by nobody or told before */
	its_book = (its_book) & ~(its_bits)
}

/* The leaf `old` goes, `new` comes; what `old` says of A and D is reported. */
inline cas_remove(its_t, its_i, its_old, its_new, its_ok)
{
	d_step {
		use(its_t);
#ifdef MUTATE_PLAIN_STORE
		its_ok = true;
#else
		its_ok = (e[slot(its_t, its_i)] == (its_old));
#endif
		if
		:: its_ok ->
			e[slot(its_t, its_i)] = its_new;
			report(pend[slot(its_t, its_i)], (its_old) & (A | D));
			assert(pend[slot(its_t, its_i)] == 0) /* set, and never told */
		:: else
		fi
	}
}

/* One processor: the table that its walker has cached, and what its TLB translates. */
byte path;   /* 1 + table; 0: none */
bool tlb[N]; /* entry of the table on the path */

/* Synchronous: walks under way are over when it returns. */
inline flush()
{
#ifndef MUTATE_NO_FLUSH
	d_step {
		assert(!(readers & me));
		path = 0;
		flush_i = 0;
		do
		:: flush_i < N ->
			tlb[flush_i] = false;
			flush_i++
		:: else -> break
		od;
		flush_i = 0
	}
#else
	skip
#endif
}

/*
 * The processor reads or writes by an entry of the table in its cache: one locked update of a
 * present leaf, whatever became of the way there.
 */
inline touch(its_i, its_bits)
{
	use(path - 1);
	assert(e[slot(path - 1, its_i)] != JUNK);
	if
	:: is_leaf(e[slot(path - 1, its_i)]) ->
		pend[slot(path - 1, its_i)] = pend[slot(path - 1, its_i)] |
					  ((its_bits) & ~e[slot(path - 1, its_i)]);
		e[slot(path - 1, its_i)] = e[slot(path - 1, its_i)] | (its_bits);
		tlb[its_i] = true
	:: else
	fi
}

/* d_step wants its loop variables somewhere that does not count as state. */
hidden byte free_i;
hidden byte unlock_t;
hidden byte flush_i;
hidden byte end_i;

/* At rest: only what `top` leads to is in use. `linked_tables` were counted by the model. */
inline no_table_leaked(its_linked_tables)
{
	end_i = 0;
	do
	:: end_i < TABLES ->
		if
		:: state[end_i] == LINKED -> its_linked_tables--
		:: else -> assert(state[end_i] == FREE)
		fi;
		end_i++
	:: else -> break
	od;
	assert(its_linked_tables == 0)
}
