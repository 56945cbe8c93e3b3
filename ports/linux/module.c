/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The library as a module of its own: nothing happens until another module calls it. */
#include <linux/module.h>
#include <linux/rcupdate.h>

#include <ptw/ptw.h>

static int __init ptw_module_init(void)
{
	return 0;
}

static void __exit ptw_module_exit(void)
{
	/* Page tables are gone, since whoever had them used this module; the last callback may be in its
	 * last instruction. */
	rcu_barrier();
}

module_init(ptw_module_init);
module_exit(ptw_module_exit);
MODULE_DESCRIPTION("Page-table walks: harvest of accessed and dirty state, and page ages");
MODULE_VERSION(PTW_VERSION_STRING);
MODULE_LICENSE("Dual MIT/GPL");
