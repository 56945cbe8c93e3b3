/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A gate (<ptw/invalidate.h>): faults that install secondary mappings against invalidations of
 * what the primary maps. The word of a gate is a sequence, invalidations under way, and faults
 * that have entered; each step on it is one atomic access.
 *  - Two faults ask the primary, enter, install what it said, leave; a refused one begins again
 *    once.
 *  - Two invalidations begin, wait for who has entered, drop the secondary mapping, change the
 *    primary, end. They may overlap.
 * GATES=2: a page in each of two gates; the second fault and the second invalidation cover both,
 * step by step. A ticket is the sum of the sequences of the gates covered.
 *
 * The sequence is raised where an invalidation begins and, in the step that counts it out, where
 * it ends. The end alone is enough (END_ONLY): meanwhile the count refuses. The begin alone is
 * not: a fault that asked the primary during the invalidation would enter after it
 * (MUTATE_BEGIN_ONLY), unless a ticket that was taken during one never enters (TICKET_REFUSED).
 *
 * At rest a secondary mapping is what the primary maps. From the return of an invalidation's unmap
 * to its end there is none.
 *
 * Mutations: MUTATE_BEGIN_ONLY, MUTATE_NO_SEQUENCE and MUTATE_NO_ACTIVE (enter does not look),
 * MUTATE_NO_WAIT (unmap does not wait for who has entered), MUTATE_TICKET_LATE (taken after the
 * primary was asked), MUTATE_LOOK_THEN_ENTER (looks, and enters in another step),
 * MUTATE_ACTIVE_FLAG (an invalidation that ends does not see that another is under way),
 * MUTATE_CHANGE_EARLY (the primary changes before the begin). With GATES=2: MUTATE_FIRST_GATE (a
 * fault enters the first one only).
 */
#ifndef GATES
#define GATES 1
#endif

byte sequence[GATES];
byte under_way[GATES];
byte entered[GATES];

byte primary[GATES] = 1; /* what a page maps; each invalidation another number */
byte secondary[GATES];   /* 0: nothing */
byte dropped[GATES];     /* invalidations between the return of unmap and their end */

#ifdef TICKET_REFUSED
#define REFUSED 100
#else
#define REFUSED 0
#endif

inline take_ticket()
{
	g = from;
	ticket = 0;
	do
	:: g < to ->
		d_step {
			ticket = ticket + sequence[g];
			if
			:: REFUSED != 0 && under_way[g] > 0 -> ticket = REFUSED
			:: else
			fi;
			g++
		}
	:: else -> break
	od;
	g = 0
}

inline ask_primary()
{
	g = from;
	do
	:: g < to ->
		d_step {
			value[g] = primary[g];
			g++
		}
	:: else -> break
	od;
	g = 0
}

/* `ok` says whether; if not, every gate is as it was. */
inline enter()
{
	ok = true;
	sum = 0;
	g = from;
	do
#ifdef MUTATE_FIRST_GATE
	:: ok && g < from + 1 ->
#else
	:: ok && g < to ->
#endif
#ifdef MUTATE_LOOK_THEN_ENTER
		d_step {
			ok = (under_way[g] == 0);
			sum = sum + sequence[g]
		};
		if
		:: ok ->
			entered[g]++;
			g++
		:: else
		fi
#else
		d_step { /* one compare-exchange */
#ifndef MUTATE_NO_ACTIVE
			ok = (under_way[g] == 0);
#endif
			if
			:: ok ->
				sum = sum + sequence[g];
				entered[g]++;
				g++
			:: else
			fi
		}
#endif
	:: else -> break
	od;
#if !defined(MUTATE_NO_SEQUENCE) && !defined(MUTATE_FIRST_GATE)
	ok = (ok && sum == ticket);
#endif
	sum = 0;
	if
	:: !ok -> leave()
	:: else -> g = 0
	fi
}

/* `g`: behind the last gate that was entered. */
inline leave()
{
	do
	:: g > from ->
		d_step {
			g--;
			assert(entered[g] > 0);
			entered[g]--
		}
	:: else -> break
	od;
	g = 0
}

proctype Fault(byte from, to)
{
	byte ticket, sum, g, tries;
	byte value[GATES];
	bool ok;

	do
	:: tries < 2 ->
		tries++;
#ifdef MUTATE_TICKET_LATE
		ask_primary();
		take_ticket();
#else
		take_ticket();
		ask_primary();
#endif
		enter();
		if
		:: ok ->
			g = from;
			do
			:: g < to ->
				d_step {
					secondary[g] = value[g];
					g++
				}
			:: else -> break
			od;
#ifdef MUTATE_FIRST_GATE
			g = from + 1;
#endif
			leave();
			break
		:: else
		fi
	:: else -> break
	od
}

proctype Invalidate(byte to, change)
{
	byte g;

#ifdef MUTATE_CHANGE_EARLY
	primary[0] = change;
#endif
	do
	:: g < to ->
		d_step {
#ifdef MUTATE_ACTIVE_FLAG
			under_way[g] = 1;
#else
			under_way[g]++;
#endif
#ifndef END_ONLY
			sequence[g]++;
#endif
			g++
		}
	:: else -> break
	od;
	/* Unmap. Waiting is bounded there, and the caller calls again: the same as waiting. */
	g = 0;
	do
	:: g < to ->
#ifndef MUTATE_NO_WAIT
		(entered[g] == 0);
#endif
		d_step {
			secondary[g] = 0;
			g++
		}
	:: else -> break
	od;
	g = 0;
	d_step {
		do
		:: g < to ->
			dropped[g]++;
			g++
		:: else -> break
		od;
		g = 0
	};
#ifndef MUTATE_CHANGE_EARLY
	g = 0;
	do
	:: g < to ->
		d_step {
			primary[g] = change;
			g++
		}
	:: else -> break
	od;
#endif
	g = 0;
	do
	:: g < to ->
		d_step {
			dropped[g]--;
#ifdef MUTATE_ACTIVE_FLAG
			under_way[g] = 0;
#else
			assert(under_way[g] > 0);
			under_way[g]--;
#endif
#if !defined(MUTATE_BEGIN_ONLY) && !defined(TICKET_REFUSED)
			sequence[g]++;
#endif
			g++
		}
	:: else -> break
	od
}

#define mapped_while_dropped(g) (dropped[g] > 0 && secondary[g] != 0)
#define stale_at_rest(g) \
	(under_way[g] == 0 && entered[g] == 0 && secondary[g] != 0 && secondary[g] != primary[g])

/* Looks all the time. */
active proctype Monitor()
{
end:
	atomic {
		mapped_while_dropped(0) || stale_at_rest(0) ||
			mapped_while_dropped(GATES - 1) || stale_at_rest(GATES - 1) ->
		assert(!mapped_while_dropped(0) && !mapped_while_dropped(GATES - 1));
		assert(!stale_at_rest(0) && !stale_at_rest(GATES - 1))
	}
}

init {
	atomic {
		run Fault(0, 1);
		run Fault(0, GATES);
		run Invalidate(1, 2);
		run Invalidate(GATES, 3)
	};
	(_nr_pr == 2);
	assert(under_way[0] == 0 && entered[0] == 0);
	assert(under_way[GATES - 1] == 0 && entered[GATES - 1] == 0)
}
