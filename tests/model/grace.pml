/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Read-side sections and grace periods for the models of the MMU room. A model sets GRACE, the
 * number of grace periods that may be waited for at once, before it includes this.
 *
 * Every step on shared state is one d_step or one statement: one atomic access. Memory is
 * sequentially consistent here; where weaker memory matters, a model says how it shows it.
 */
byte readers;      /* processes in a read-side section, as bits */
byte waits[GRACE]; /* readers that were inside when a grace period began, and still are */

#define me (1 << _pid)

inline read_lock()
{
	readers = readers | me
}

inline read_unlock()
{
	d_step {
		assert(readers & me);
		readers = readers & ~me;
		unlock_i = 0;
		do
		:: unlock_i < GRACE ->
			waits[unlock_i] = waits[unlock_i] & ~me;
			unlock_i++
		:: else -> break
		od;
		unlock_i = 0
	}
}

/* Each grace period has a number of its own: whoever waits for one is not in a section. */
inline grace_period(its_number)
{
	d_step {
		assert(!(readers & me));
		waits[its_number] = readers
	};
	(waits[its_number] == 0)
}

hidden byte unlock_i;
