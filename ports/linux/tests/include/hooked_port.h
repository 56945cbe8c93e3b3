/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The kernel's port, with every access to an entry or shared word told to the test before it happens.
 * Takes the place of <ptw/port/linux.h>, which is <ptw/port/linux_plain.h> then;
 * tests/unit/hooked_port.h is the same for the userspace port.
 */
#ifndef PTW_TESTS_HOOKED_PORT_H
#define PTW_TESTS_HOOKED_PORT_H

#include <ptw/port/linux_plain.h>

/* As in <ptw/port/atomic.h>. */
enum ptw_port_op {
	PTW_OP_LOAD,
	PTW_OP_LOAD_TABLE,
	PTW_OP_CAS,
	PTW_OP_XCHG,
	PTW_OP_AND_CLEAR,
	PTW_OP_OR_SET,
	PTW_OP_PUBLISH,
	PTW_OP_INIT_ENTRY,
	PTW_OP_LOAD32,
	PTW_OP_STORE32,
	PTW_OP_ADD32,
	PTW_OP_ADD64,
	PTW_OP_OR64,
};

/* Of the test's own thread: the softirq that frees tables is none of its business. The hook is one
 * variable here, so the thread is asked. */
extern void (*test_hook)(int op, const void *address);
bool ktest_hooked(void);

/* Functions of the port become macros of the same names, which call the hook before the function. */
#define KTEST_TELL(op, address) \
	(test_hook && ktest_hooked() ? test_hook(PTW_OP_##op, (address)) : (void)0)
#define KTEST_HOOKED(op, call, word, ...)                                         \
	({                                                                        \
		__typeof__(&(word)[0]) ktest_word = (word);                       \
		KTEST_TELL(op, ktest_word);                                       \
		call(ktest_word __VA_OPT__(, ) __VA_ARGS__);                      \
	})

#define ptw_port_load(e)	   KTEST_HOOKED(LOAD, ptw_port_load, e)
#define ptw_port_load_table(e)	   KTEST_HOOKED(LOAD_TABLE, ptw_port_load_table, e)
#define ptw_port_cas(e, old, new)  KTEST_HOOKED(CAS, ptw_port_cas, e, old, new)
#define ptw_port_xchg(e, new)	   KTEST_HOOKED(XCHG, ptw_port_xchg, e, new)
#define ptw_port_and_clear(e, n)   KTEST_HOOKED(AND_CLEAR, ptw_port_and_clear, e, n)
#define ptw_port_or_set(e, n)	   KTEST_HOOKED(OR_SET, ptw_port_or_set, e, n)
#define ptw_port_publish(e, n)	   KTEST_HOOKED(PUBLISH, ptw_port_publish, e, n)
#define ptw_port_init_entry(e, n)  KTEST_HOOKED(INIT_ENTRY, ptw_port_init_entry, e, n)
#define ptw_port_load32(w)	   KTEST_HOOKED(LOAD32, ptw_port_load32, w)
#define ptw_port_store32(w, n)	   KTEST_HOOKED(STORE32, ptw_port_store32, w, n)
#define ptw_port_add32(w, n)	   KTEST_HOOKED(ADD32, ptw_port_add32, w, n)
#define ptw_port_add64(w, n)	   KTEST_HOOKED(ADD64, ptw_port_add64, w, n)
#define ptw_port_or64(w, n)	   KTEST_HOOKED(OR64, ptw_port_or64, w, n)

#endif /* PTW_TESTS_HOOKED_PORT_H */
