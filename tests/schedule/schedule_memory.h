/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Memory of the scheduled port: one arena that can be put back to what it was. */
#ifndef PTW_TESTS_SCHEDULE_MEMORY_H
#define PTW_TESTS_SCHEDULE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Forget everything. `reuse`: freed tables are handed out again, the last one first. */
void schedule_memory_reset(bool reuse);
/* Remember what there is, for runs that all begin like this. */
void schedule_memory_save(void);
void schedule_memory_restore(void);

/* Tables allocated and not freed, and bytes of handles likewise. */
unsigned int schedule_tables_live(void);
size_t schedule_bytes_live(void);

/* Grace periods: early callbacks as soon as the rules allow, late ones only when waited for. */
void schedule_rcu_reset(bool late);
/* Run all callbacks: nobody is in a section any more. */
void schedule_rcu_drain(void);
unsigned int schedule_rcu_pending(void);

#endif /* PTW_TESTS_SCHEDULE_MEMORY_H */
