/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The word of one frame and level, and its chain of blocks: hold, add, remove, zap. For
 * rmap_chain.pml, which says what the options and mutations are.
 */
/* The word: 0, an entry (1 to 4), or a block (1 to BLOCKS) with CHAIN. */
#define CHAIN 8
#define HELD 16
#define NUMBER 7
byte word;
byte holder; /* pid of who holds it: only for judging */

#define CAP 2
#define BLOCKS 4
#define slot(b, i) ((b) * CAP + (i))
bool used[BLOCKS + 1];
bool changing[BLOCKS + 1]; /* half changed */
byte count[BLOCKS + 1];
byte next[BLOCKS + 1];
byte slots[(BLOCKS + 1) * CAP];

/* Entries. */
#define EMPTY 0
#define OURS 1   /* maps this frame */
#define OTHERS 2 /* maps another one */
#define A 4
byte e[5];
byte in_map; /* entries that were put in and not taken out, as bits */
byte unmapped; /* and those UNMAP took out */
byte pend;   /* entries by which our frame was accessed: not told yet */

inline alloc_block(its_b)
{
	d_step {
		its_b = 1;
		do
		:: used[its_b] -> its_b++
		:: else -> break
		od;
		assert(its_b <= BLOCKS);
		used[its_b] = true;
		count[its_b] = 0;
		next[its_b] = 0
	}
}

inline free_block(its_b)
{
	d_step {
		assert(used[its_b]);
		used[its_b] = false;
		changing[its_b] = false;
		count[its_b] = 0;
		next[its_b] = 0;
		slots[slot(its_b, 0)] = 0;
		slots[slot(its_b, 1)] = 0
	}
}

/* Read by its owner or by who holds the word. */
#define look(b) assert(used[b] && !changing[b])

/* `its_word` was loaded and is not held. */
inline hold(its_word, its_ok)
{
#ifdef MUTATE_HOLD_STORE
	its_ok = (word == its_word);
	d_step {
		if
		:: its_ok ->
			word = its_word | HELD;
#else
	d_step {
		its_ok = (word == its_word);
		if
		:: its_ok ->
			word = its_word | HELD;
#endif
			assert(holder == 0);
			holder = _pid
		:: else
		fi
	}
}

inline release(its_word)
{
	d_step {
		assert(holder == _pid);
		holder = 0;
		word = its_word
	}
}

inline cas_word(its_old, its_new, its_ok)
{
	d_step {
		its_ok = (word == (its_old));
		if
		:: its_ok -> word = its_new
		:: else
		fi
	}
}

/* The word; `its_tries` counts how often it was held. */
inline load_word(its_word, its_tries)
{
	d_step {
		its_word = word;
		if
		:: its_word & HELD -> its_tries++
		:: else
		fi
	}
}

/* Puts `x` in; `done` says whether. Blocks are got before the word is held. */
inline add(x)
{
	done = false;
	tries = 0;
	do
	:: !done && tries < 2 ->
		load_word(w, tries);
#ifdef MUTATE_IGNORE_HELD
		if
		:: (w & HELD) && !(w & CHAIN) -> tries = 0
		:: else
		fi;
#endif
		if
		:: (w & NUMBER) != 0 && spare == 0 -> alloc_block(spare)
		:: else
		fi;
		if
		:: w == 0 -> cas_word(0, x, done)
#ifdef MUTATE_IGNORE_HELD
		:: w != 0 && !(w & CHAIN) ->
#else
		:: w != 0 && !(w & (CHAIN | HELD)) ->
#endif
			d_step {
				slots[slot(spare, 0)] = w & NUMBER;
				slots[slot(spare, 1)] = x;
				count[spare] = 2
			};
#ifdef MUTATE_CONVERT_STORE
			done = true;
			word = CHAIN | spare;
#else
			cas_word(w, CHAIN | spare, done);
#endif
			if
			:: done -> spare = 0
			:: else
			fi
		:: (w & CHAIN) && !(w & HELD) ->
			hold(w, done);
			if
			:: done ->
				b = w & NUMBER;
				look(b);
				if
				:: count[b] < CAP ->
					changing[b] = true;
					d_step {
						slots[slot(b, count[b])] = x;
						count[b]++;
						changing[b] = false
					};
					release(w)
				:: else ->
					d_step {
						slots[slot(spare, 0)] = x;
						count[spare] = 1;
						next[spare] = b
					};
					release(CHAIN | spare);
					spare = 0
				fi
			:: else
			fi
		:: else /* held */
		fi
	:: else -> break
	od;
	if
	:: spare != 0 ->
		free_block(spare);
		spare = 0
	:: else
	fi;
	tries = 0;
	d_step {
		w = 0;
		b = 0
	}
}

/* In a chain that is held, with head block `b`: the place of `x` is (place, i). */
inline find(x)
{
	place = b;
	i = 0;
	do
	:: place != 0 && slots[slot(place, i)] == x && i < count[place] ->
		look(place);
		break
	:: place != 0 && !(slots[slot(place, i)] == x && i < count[place]) ->
		d_step {
			look(place);
			i++;
			if
			:: i >= count[place] ->
				place = next[place];
				i = 0
			:: else
			fi
		}
	:: place == 0 -> break
	od
}

/* The head block `b` lost its last entry: the word becomes what is left; `gone` is to be freed. */
inline shrink()
{
	d_step {
		assert(used[b]);
		gone = 0;
		if
		:: count[b] == 0 ->
			gone = b;
			w = CHAIN | next[b]
#ifndef MUTATE_KEEP_ONE
		:: count[b] == 1 && next[b] == 0 ->
			gone = b;
			w = slots[slot(b, 0)]
#else
		:: count[b] == 1 && next[b] == 0 -> gone = b
#endif
		:: else
		fi
	}
}

/* Takes `x` out; `done` says whether, `absent` that it is not in the map. */
inline remove(x)
{
	done = false;
	absent = false;
	tries = 0;
	do
	:: !done && !absent && tries < 2 ->
		load_word(w, tries);
		if
		:: (w & ~HELD) == x -> cas_word(x, 0, done)
		:: (w & ~HELD) != x && !(w & CHAIN) && !(w & HELD) -> absent = true
		:: (w & CHAIN) && !(w & HELD) ->
#ifdef MUTATE_NO_RECHECK
			d_step {
				done = !(word & HELD);
				if
				:: done ->
					word = word | HELD;
					holder = _pid
				:: else
				fi
			};
#else
			hold(w, done);
#endif
			if
			:: done ->
				b = w & NUMBER;
				find(x);
				if
				:: place == 0 ->
					done = false;
					absent = true;
					release(w)
				:: else ->
					changing[place] = true;
					d_step {
						slots[slot(place, i)] =
							slots[slot(b, count[b] - 1)];
						slots[slot(b, count[b] - 1)] = 0
					};
					d_step {
						changing[place] = false;
						count[b]--
					};
#ifdef MUTATE_FREE_FIRST
					if
					:: count[b] == 0 || (count[b] == 1 && next[b] == 0) ->
						free_block(b)
					:: else
					fi;
#endif
					shrink();
#ifdef FREE_HELD
					if
					:: gone != 0 -> free_block(gone)
					:: else
					fi;
					gone = 0;
#endif
#ifdef MUTATE_NO_RELEASE
					if
					:: place != b
					:: else -> release(w)
					fi;
#else
					release(w);
#endif
#ifndef MUTATE_FREE_NEVER
					if
					:: gone != 0 -> free_block(gone)
					:: else
					fi;
#endif
					gone = 0
				fi
			:: else
			fi
		:: else /* held */
		fi
	:: else -> break
	od;
	tries = 0;
	d_step {
		w = 0;
		b = 0;
		place = 0;
		i = 0
	}
}

/* Takes what the entry says with it, and tells it. */
inline zap(x)
{
	d_step {
		assert(e[x] == EMPTY || (e[x] & OURS));
		assert(((pend >> x) & 1) == ((e[x] & A) -> 1 : 0));
		pend = pend & ~(1 << x);
		e[x] = EMPTY
	}
}
