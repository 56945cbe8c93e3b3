/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Consumers (<ptw/consumer.h>): a question clears accessed bits of two pages in the entries, and
 * hands what it found to every consumer in the list: a word each, with a bit for each page.
 * Consumer 1 joins.
 *  - A short question clears and hands over in one section. It loads the list before a page or
 *    after it.
 *  - A long one clears outside sections, then loads the list and hands over in one.
 *  - Consumers 0 and 2 are there from the beginning. The short question is consumer 0's own, and
 *    somebody else takes its bits besides. LEAVE, instead of these two and the joining: consumer 2
 *    leaves, and is freed.
 *  - ALONE: nobody is there at first. As long as nobody ever joined, questions do not hand over:
 *    they are blind. Long ones are counted, in a section, so that a consumer who joins can wait
 *    for them.
 *
 * An access made after a consumer's join has returned is in what he was answered, or in his word,
 * or on its way in a question, or still set in the entry. Nothing is handed to a consumer that was
 * freed.
 *
 * The word is loaded first, and written only if that is news. MUTATE_LOOK_EARLY is that load as
 * weaker memory might perform it if nothing kept it behind the clear: a consumer may have taken
 * his bit since.
 *
 * Mutations: MUTATE_LOOK_EARLY, MUTATE_JOIN_NO_WAIT (no grace period), MUTATE_LIST_EARLY (the long
 * question loads the list before it clears, and hands over by it), MUTATE_OR_STORE (bits are added
 * by load and store), MUTATE_TAKE_STORE (taken by load and store). With LEAVE: MUTATE_LEAVE_EARLY
 * (freed without a grace period). With ALONE: MUTATE_JOIN_NO_WAIT, MUTATE_NO_BLIND (joining does
 * not wait for blind questions), MUTATE_BLIND_LATE (counted after the section),
 * MUTATE_ANNOUNCE_LATE (questions stay blind until the grace period is over).
 */
#define GRACE 2
#include "grace.pml"

#ifndef TOUCHES
#define TOUCHES 2
#endif
#define CONSUMERS 3
#define NOBODY CONSUMERS
#define BOTH 3 /* pages, as bits */

byte young;  /* pages whose entries are */
byte list;   /* consumers, as bits; who loaded it has a copy that never changes */
byte word[CONSUMERS];
bool freed[CONSUMERS];
bool announced; /* somebody joined once */
byte blind;     /* long questions that hand over nothing */

/* Books, for consumers whose join has returned: accesses they were not told of, as pages. */
byte joined;
byte in_entry[CONSUMERS];
byte in_word[CONSUMERS];
#define SHORT 0
#define LONG 1
byte on_way[2 * CONSUMERS];
#define way(q, c) on_way[(q) * CONSUMERS + (c)]

inline take_page(q, its_page)
{
	d_step {
		if
		:: young & (its_page) ->
			young = young & ~(its_page);
			found = found | (its_page);
			way(q, 0) = way(q, 0) | (in_entry[0] & (its_page));
			way(q, 1) = way(q, 1) | (in_entry[1] & (its_page));
			way(q, 2) = way(q, 2) | (in_entry[2] & (its_page));
			in_entry[0] = in_entry[0] & ~(its_page);
			in_entry[1] = in_entry[1] & ~(its_page);
			in_entry[2] = in_entry[2] & ~(its_page)
		:: else
		fi
	}
}

/* Those of `its_pages` that are on their way come into the consumer's word. */
inline arrive(q, c, its_pages)
{
	in_word[c] = in_word[c] | (way(q, c) & (its_pages));
	way(q, c) = way(q, c) & ~(its_pages)
}

/* To every consumer in `seen` but `own`. */
inline hand_over(q, own)
{
	c = 0;
	do
	:: c < CONSUMERS && found != 0 && (seen & (1 << c)) && c != own ->
#ifdef MUTATE_LOOK_EARLY
		d_step {
			assert(!freed[c]);
			news = (found & ~early[c]) != 0;
			if
			:: !news -> arrive(q, c, found)
			:: else
			fi
		};
#else
		d_step {
			assert(!freed[c]);
			news = (found & ~word[c]) != 0;
			if
			:: !news -> arrive(q, c, found)
			:: else
			fi
		};
#endif
		if
		:: news ->
#ifdef MUTATE_OR_STORE
			value = word[c];
			d_step {
				assert(!freed[c]);
				word[c] = value | found;
				value = 0;
				arrive(q, c, found)
			}
#else
			d_step {
				assert(!freed[c]);
				word[c] = word[c] | found;
				arrive(q, c, found)
			}
#endif
		:: else
		fi;
		news = false;
		c++
	:: c < CONSUMERS && !(found != 0 && (seen & (1 << c)) && c != own) -> c++
	:: c == CONSUMERS -> break
	od;
	c = 0
}

/* What is still on its way when a question ends was for the one who asked, or is lost. */
inline answered(q, own)
{
	d_step {
		if
		:: own != NOBODY -> on_way[(q) * CONSUMERS + own] = 0
		:: else
		fi;
		assert(way(q, 0) == 0 && way(q, 1) == 0 && way(q, 2) == 0)
	}
}

inline take_word(c)
{
#ifdef MUTATE_TAKE_STORE
	mine = word[c];
	d_step {
		word[c] = 0;
#else
	d_step {
		mine = word[c];
		word[c] = 0;
#endif
		assert((in_word[c] & ~mine) == 0); /* lost */
		in_word[c] = 0;
		mine = 0
	}
}

/* Loads that weaker memory performs too early. */
inline look_early()
{
#ifdef MUTATE_LOOK_EARLY
	d_step {
		early[0] = word[0];
		early[1] = word[1];
		early[2] = word[2]
	}
#else
	skip
#endif
}

proctype Short(byte own)
{
	byte found, seen, c, value;
#if !defined(ALONE) && !defined(LEAVE)
	byte mine;
#endif
	bool news, blinded;
#ifdef MUTATE_LOOK_EARLY
	byte early[CONSUMERS];
#endif

	read_lock();
	blinded = !announced;
	if
	:: !blinded -> seen = list
	:: true -> skip /* later */
	fi;
	look_early();
	take_page(SHORT, 1);
	if
	:: !blinded ->
		if
		:: seen == 0 -> seen = list
		:: else
		fi;
		hand_over(SHORT, own);
		found = 0
	:: else
	fi;
	/* The next page by the same list. */
	look_early();
	take_page(SHORT, 2);
	if
	:: !blinded -> hand_over(SHORT, own)
	:: else
	fi;
#if !defined(ALONE) && !defined(LEAVE)
	take_word(own);
#endif
	answered(SHORT, own);
	found = 0;
	seen = 0;
	blinded = false;
	read_unlock()
}

proctype Long()
{
	byte found, seen, c, value;
	bool news, blinded;
#ifdef MUTATE_LOOK_EARLY
	byte early[CONSUMERS];
#endif

	read_lock();
	blinded = !announced;
#ifdef MUTATE_LIST_EARLY
	seen = list;
#endif
#ifdef MUTATE_BLIND_LATE
	read_unlock();
	if
	:: blinded -> blind++
	:: else
	fi;
#else
	if
	:: blinded -> blind++
	:: else
	fi;
	read_unlock();
#endif
	look_early();
	take_page(LONG, 1);
	take_page(LONG, 2);
	if
	:: blinded -> blind--
	:: else ->
		read_lock();
#ifndef MUTATE_LIST_EARLY
		seen = list;
#endif
		hand_over(LONG, NOBODY);
		read_unlock()
	fi;
	answered(LONG, NOBODY);
	found = 0;
	seen = 0;
	blinded = false
}

proctype Joiner()
{
	byte mine;

	list = list | (1 << 1);
#ifndef MUTATE_ANNOUNCE_LATE
	announced = true;
#endif
#ifndef MUTATE_JOIN_NO_WAIT
	grace_period(0);
#endif
#ifndef MUTATE_NO_BLIND
	(blind == 0);
#endif
#ifdef MUTATE_ANNOUNCE_LATE
	announced = true;
#endif
	joined = joined | (1 << 1);
	take_word(1)
}

#ifdef LEAVE
proctype Leaver()
{
	d_step {
		joined = joined & ~(1 << 2);
		in_entry[2] = 0;
		in_word[2] = 0;
		way(SHORT, 2) = 0;
		way(LONG, 2) = 0
	};
	list = list & ~(1 << 2);
#ifndef MUTATE_LEAVE_EARLY
	grace_period(1);
#endif
	d_step {
		freed[2] = true;
		word[2] = 0
	}
}
#endif

#if !defined(ALONE) && !defined(LEAVE)
proctype Taker()
{
	byte mine;

	take_word(0)
}
#endif

inline to_tell(c, its_page)
{
	if
	:: joined & (1 << (c)) -> in_entry[c] = in_entry[c] | (its_page)
	:: else
	fi
}

inline touch(its_page)
{
	d_step {
		young = young | (its_page);
		to_tell(0, its_page);
		to_tell(1, its_page);
		to_tell(2, its_page)
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
	byte c;

	atomic {
#ifndef ALONE
		list = (1 << 0) | (1 << 2);
		joined = list;
		announced = true;
#endif
#if defined(ALONE)
		run Short(NOBODY);
		run Joiner();
#elif defined(LEAVE)
		run Short(NOBODY);
		run Leaver();
#else
		run Short(0);
		run Taker();
		run Joiner();
#endif
		run Long();
		run Processor()
	};
	(_nr_pr == 1);
	d_step {
		assert(blind == 0);
		do
		:: c < CONSUMERS ->
			assert((in_entry[c] & ~young) == 0);
			assert((in_word[c] & ~word[c]) == 0);
			c++
		:: else -> break
		od
	}
}
