/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* All of the module of ports/linux/README.md. */
#include <linux/module.h>
#include <ptw/ptw.h>
#include <ptw/port/linux.h>

static struct ptw_pgtable *pgtable;

static int __init mine_init(void)
{
	struct ptw_config config = { .size = sizeof(config), .format = PTW_FORMAT_EPT };

	config.phys_offset = ptw_linear_offset();
	return ptw_pgtable_create(&config, &pgtable) ? -ENOMEM : 0;
}

static void __exit mine_exit(void)
{
	ptw_pgtable_destroy(pgtable);
	rcu_barrier(); /* the last callback may be in its last instruction, and that is in this module */
}

module_init(mine_init);
module_exit(mine_exit);
MODULE_LICENSE("GPL");
