/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Instructions after which a processor may translate addresses in another way: what flushes its TLB, and what
 * changes the tables in use. Where in doubt it is one: a flush costs time, and a forgotten one would be wrong.
 */
#ifndef PTW_QEMU_FLUSHES_H
#define PTW_QEMU_FLUSHES_H

#include <stddef.h>
#include <stdint.h>

enum flushes {
	FLUSHES_NOTHING,
	FLUSHES_OWN, /* this processor's */
	FLUSHES_ALL, /* also others' */
};

typedef enum flushes (*flushes_fn)(const uint8_t *code, size_t size);

/* For a target's name as QEMU has it; null: it is not known. */
flushes_fn flushes_of(const char *target);

#endif /* PTW_QEMU_FLUSHES_H */
