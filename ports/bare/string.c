/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Bare port: the four functions a compiler may call by itself. Aligned accesses only, for programs
 * that run without an MMU on arm64, where memory is taken for a device; so build with
 * -mstrict-align there.
 */
/* Without the macro the port for programs under an operating system would come, and its headers be missed. */
#ifdef PTW_PORT_HEADER
#include <ptw/port.h>
#endif
#ifndef PTW_PORTS_BARE_PORT_H
#error "compile with -DPTW_PORT_HEADER='\"ports/bare/port.h\"' and the source tree's top as -I"
#endif

/* Keeps the compiler from making a call of this very function out of its loop. */
#define KEEP_LOOP(i) __asm__ volatile("" : "+r"(i))

/* Words may alias anything. */
typedef uint64_t __attribute__((may_alias)) word_t;

static bool words_fit(uintptr_t addresses)
{
	return !(addresses & 7);
}

static void copy_up(unsigned char *d, const unsigned char *s, size_t bytes)
{
	size_t i = 0;

	if (words_fit((uintptr_t)d | (uintptr_t)s)) {
		for (; i + 8 <= bytes; i += 8) {
			KEEP_LOOP(i);
			*(word_t *)(void *)(d + i) = *(const word_t *)(const void *)(s + i);
		}
	}
	for (; i < bytes; i++) {
		KEEP_LOOP(i);
		d[i] = s[i];
	}
}

void *memcpy(void *__restrict to, const void *__restrict from, size_t bytes)
{
	copy_up(to, from, bytes);
	return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
	unsigned char *d = to;
	const unsigned char *s = from;

	if ((uintptr_t)d - (uintptr_t)s >= bytes) {
		copy_up(d, s, bytes);
		return to;
	}
	for (size_t i = bytes; i--;) {
		KEEP_LOOP(i);
		d[i] = s[i];
	}
	return to;
}

void *memset(void *to, int byte, size_t bytes)
{
	const uint64_t word = 0x0101010101010101ull * (unsigned char)byte;
	unsigned char *d = to;
	size_t i = 0;

	if (words_fit((uintptr_t)d)) {
		for (; i + 8 <= bytes; i += 8) {
			KEEP_LOOP(i);
			*(word_t *)(void *)(d + i) = word;
		}
	}
	for (; i < bytes; i++) {
		KEEP_LOOP(i);
		d[i] = (unsigned char)byte;
	}
	return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
	const unsigned char *x = a;
	const unsigned char *y = b;

	for (size_t i = 0; i < bytes; i++) {
		KEEP_LOOP(i);
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	}
	return 0;
}
