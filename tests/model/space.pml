/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Versions of a space (<ptw/space.h>): slots and MMUs are looked up in the current version, which
 * never changes; whoever changes something publishes a copy.
 *  - A short question loads the current version in a section, and calls its MMUs there.
 *  - A long one takes a reference on it in a section, leaves the section, calls, drops the
 *    reference.
 *  - A thread unregisters MMU 1, another changes slots (the same MMUs in a new version), or
 *    (TWICE) unregisters MMU 1, too, without a short question. Each refers to the version it
 *    copies, since it allocates outside a section.
 *  - A version has a base reference, dropped a grace period after it was replaced; whoever drops
 *    the last reference frees it at once, and lets go of its MMUs. An MMU that is in no version is
 *    released: its owner frees what the calls work on.
 *
 * No MMU is called after it was released, it is released once, when it is in no version; no
 * version is used after it was freed; one of the two who unregister hears that it is absent.
 *
 * In a section a version has its base reference, so who takes one need not look for zero first:
 * the grace period makes it so.
 *
 * Mutations: MUTATE_REF_LATE (the long question takes its reference after leaving the section),
 * MUTATE_NO_GRACE (the base reference is dropped at once), MUTATE_RELEASE_AT_UNREGISTER,
 * MUTATE_CHANGER_NO_REF (who copies leaves the section without a reference), MUTATE_MMUS_LATE (a
 * new version's MMUs are counted after it was published), MUTATE_PUT_SPLIT (references are dropped
 * by load and store), MUTATE_PLAIN_STORE (published by a store), MUTATE_LOSER_LEAKS (who loses the
 * race to publish keeps his copy's MMUs).
 */
#define GRACE 2
#include "grace.pml"

#define VERSIONS 4
#define MMUS 2
#define JUNK 255
#define has(v, m) ((mmus[v] >> (m)) & 1)

byte current;
byte mmus[VERSIONS] = JUNK; /* MMUs of the version, as bits; JUNK: it is free */
byte refs[VERSIONS];
byte uses[MMUS]; /* versions that have the MMU */
byte released[MMUS];
byte unregistered, absent;

/* In a section, or by who has a reference. */
#define use(v) assert(mmus[v] != JUNK)

inline alloc_version(its_v)
{
	d_step {
		its_v = 0;
		do
		:: mmus[its_v] != JUNK -> its_v++
		:: else -> break
		od;
		assert(its_v < VERSIONS);
		mmus[its_v] = 0;
		refs[its_v] = 1
	}
}

inline let_go(m)
{
	assert(uses[m] > 0);
	uses[m]--;
	if
	:: uses[m] == 0 ->
		assert(released[m] == 0);
		released[m]++
	:: else
	fi
}

/* Drops a reference. */
inline put(its_v)
{
#ifdef MUTATE_PUT_SPLIT
	last = refs[its_v];
	refs[its_v] = last - 1;
	last = (last == 1);
#else
	d_step {
		assert(mmus[its_v] != JUNK && refs[its_v] > 0);
		refs[its_v]--;
		last = (refs[its_v] == 0)
	};
#endif
	if
	:: last -> free_version(its_v)
	:: else
	fi;
	last = 0
}

inline free_version(its_v)
{
	d_step { /* nobody else sees it */
		if
		:: has(its_v, 0) -> let_go(0)
		:: else
		fi;
		if
		:: has(its_v, 1) -> let_go(1)
		:: else
		fi;
		mmus[its_v] = JUNK;
		refs[its_v] = 0
	}
}

inline get(its_v)
{
	d_step {
		use(its_v);
		assert(refs[its_v] > 0);
		refs[its_v]++
	}
}

/* Calls of an MMU: from here to there it must not be released. */
inline call(m)
{
	assert(released[m] == 0);
	assert(released[m] == 0)
}

inline call_all(its_v)
{
	use(its_v);
	if
	:: has(its_v, 1) -> call(1)
	:: else
	fi;
	use(its_v)
}

proctype Short()
{
	byte v;

	read_lock();
	v = current;
	call_all(v);
	read_unlock()
}

proctype Long()
{
	byte v, last;

	read_lock();
	v = current;
#ifdef MUTATE_REF_LATE
	read_unlock();
	get(v);
#else
	get(v);
	read_unlock();
#endif
	call_all(v);
	put(v)
}

/* Without MMU `gone`, if below MMUS. */
proctype Changer(byte gone)
{
	byte old, new, copy, last;
	bool ok;

	do
	:: !ok ->
		read_lock();
		old = current;
#ifdef MUTATE_CHANGER_NO_REF
		read_unlock();
#else
		get(old);
		read_unlock();
#endif
		d_step {
			use(old);
			copy = mmus[old];
			ok = (gone >= MMUS || has(old, gone))
		};
		if
		:: !ok ->
#ifndef MUTATE_CHANGER_NO_REF
			put(old);
#endif
			absent++;
			break
		:: else
		fi;
		alloc_version(new);
		d_step { /* private; uses are more than 0: the old version has them, too */
			mmus[new] = (gone < MMUS -> copy & ~(1 << gone) : copy);
			copy = 0;
#ifndef MUTATE_MMUS_LATE
			uses[0] = uses[0] + has(new, 0);
			uses[1] = uses[1] + has(new, 1)
#endif
		};
#ifdef MUTATE_PLAIN_STORE
		current = new;
#else
		d_step {
			ok = (current == old);
			if
			:: ok -> current = new
			:: else
			fi
		};
#endif
#ifdef MUTATE_MMUS_LATE
		d_step {
			uses[0] = uses[0] + has(new, 0);
			uses[1] = uses[1] + has(new, 1)
		};
#endif
#ifndef MUTATE_CHANGER_NO_REF
		put(old); /* the reference of this thread */
#endif
		if
		:: ok ->
#ifdef MUTATE_RELEASE_AT_UNREGISTER
			if
			:: gone < MMUS -> released[gone]++
			:: else
			fi;
#endif
			/* In the library a callback does this. */
#ifndef MUTATE_NO_GRACE
			grace_period(_pid - 1);
#endif
			put(old);
			if
			:: gone < MMUS -> unregistered++
			:: else
			fi;
			break
		:: else -> /* nobody saw it */
#ifdef MUTATE_LOSER_LEAKS
			mmus[new] = JUNK
#else
			put(new)
#endif
		fi
	:: else -> break
	od;
	ok = false;
	old = 0;
	new = 0
}

init {
	byte v;

	atomic {
		mmus[0] = 3;
		refs[0] = 1;
		uses[0] = 1;
		uses[1] = 1;
		run Changer(1);
#ifdef TWICE
		run Changer(1);
#else
		run Changer(MMUS);
		run Short();
#endif
		run Long()
	};
	(_nr_pr == 1);
	d_step {
#ifdef TWICE
		assert(absent == 1);
#else
		assert(absent == 0);
#endif
		assert(unregistered == 1);
		assert(mmus[current] == 1 && refs[current] == 1);
		assert(released[0] == 0 && uses[0] == 1);
		assert(released[1] == 1 && uses[1] == 0);
		do
		:: v < VERSIONS ->
			assert(v == current || mmus[v] == JUNK); /* leaked */
			v++
		:: else -> break
		od
	}
}
