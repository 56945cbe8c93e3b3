/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The device /dev/kvm-age: files, machines, and the copying of what comes and goes. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "machine.h"

/* What one scan may ask for: 16 TiB of 4-KiB pages. */
#define AGE_PAGES_MAX ((uint64_t)1 << 32)

struct age_file {
	struct mutex lock; /* one call at a time on a file; several files may look at one machine */
	struct age_machine machine;
};

static int age_ioctl_attach(struct age_machine *m, void __user *arg)
{
	struct ptw_info info = { .size = sizeof(info) };
	struct kvm_age_attach a;
	struct file *file;
	int ret;

	if (copy_from_user(&a, arg, sizeof(a)))
		return -EFAULT;
	if (m->kvm)
		return -EBUSY;
	file = fget(a.vm_fd);
	if (!file)
		return -EBADF;
	if (!file_is_kvm(file)) {
		fput(file);
		return -EINVAL;
	}
	m->file = file;
	m->kvm = file->private_data;
	ret = age_attach(m);
	if (ret) {
		m->file = NULL;
		m->kvm = NULL;
		fput(file);
		return ret;
	}
	ptw_pgtable_info(m->pgtable, &info);
	memset(&a, 0, sizeof(a));
	a.page_lg2 = info.granule_lg2;
	a.levels = info.levels;
	a.ia_bits = info.ia_bits;
	a.lockless = age_lockless;
	a.root = info.root;
	strscpy(a.format, info.format, sizeof(a.format));
	strscpy(a.layout, info.layout, sizeof(a.layout));
	return copy_to_user(arg, &a, sizeof(a)) ? -EFAULT : 0;
}

static int age_ioctl_slots(struct age_machine *m, void __user *arg)
{
	struct kvm_memory_slot *slot;
	struct kvm_memslots *slots;
	struct kvm_age_slot *list;
	struct kvm_age_slots s;
	struct rb_node *node;
	uint32_t count = 0;
	int ret = 0, idx;

	if (copy_from_user(&s, arg, sizeof(s)))
		return -EFAULT;
	if (s.room > 32768 || s.reserved)
		return -EINVAL;
	list = kvcalloc(s.room ? s.room : 1, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	idx = srcu_read_lock(&m->kvm->srcu);
	/*
	 * Asked for once: KVM exchanges the two sets meanwhile, and each slot has a node for each. The
	 * tree is in order of guest pages.
	 */
	slots = kvm_memslots(m->kvm);
	for (node = rb_first(&slots->gfn_tree); node; node = rb_next(node)) {
		slot = rb_entry(node, struct kvm_memory_slot, gfn_node[slots->node_idx]);
		/* KVM's own: the APIC's page and the like. */
		if (slot->id >= KVM_USER_MEM_SLOTS)
			continue;
		if (count < s.room)
			list[count] = (struct kvm_age_slot){ slot->base_gfn, slot->npages,
							     slot->userspace_addr };
		count++;
	}
	srcu_read_unlock(&m->kvm->srcu, idx);
	if (copy_to_user(u64_to_user_ptr(s.slots), list, min(count, s.room) * sizeof(*list)))
		ret = -EFAULT;
	s.room = count;
	kvfree(list);
	return ret ? ret : copy_to_user(arg, &s, sizeof(s)) ? -EFAULT : 0;
}

static int age_ioctl_scan(struct age_machine *m, void __user *arg, bool ask_kvm)
{
	struct kvm_age_scan s, in;
	uint64_t bytes, *bitmap, end;
	int ret;

	if (copy_from_user(&in, arg, sizeof(in)))
		return -EFAULT;
	if ((in.flags & ~(uint32_t)(KVM_AGE_PEEK | KVM_AGE_EXACT)) || (in.page & 63) || !in.pages ||
	    in.pages > AGE_PAGES_MAX)
		return -EINVAL;
	/*
	 * Further on, addresses are in bytes, and might be taken modulo 2^64; and what follows a gap,
	 * as in page tables of programs, is no guest physical address.
	 */
	end = (uint64_t)1 << (m->root.ia_bits - PAGE_SHIFT);
	if (in.page >= end || in.pages > end - in.page)
		return -ERANGE;
	bytes = DIV_ROUND_UP(in.pages, 64) * 8;
	bitmap = kvzalloc(bytes, GFP_KERNEL_ACCOUNT);
	if (!bitmap)
		return -ENOMEM;
	s = (struct kvm_age_scan){ .page = in.page, .pages = in.pages, .bitmap = in.bitmap,
				   .flags = in.flags };
	/* The machine's process may be on its way out, and KVM drops all tables when it is gone. */
	if (!mmget_not_zero(m->kvm->mm)) {
		ret = -ESRCH;
		goto out;
	}
	ret = ask_kvm ? age_ask_kvm(m, &s, bitmap) : age_harvest(m, &s, bitmap);
	if (!ret && (in.flags & KVM_AGE_EXACT))
		ret = age_flush_guest(m);
	mmput(m->kvm->mm);
	if (!ret && (copy_to_user(u64_to_user_ptr(in.bitmap), bitmap, bytes) ||
		     copy_to_user(arg, &s, sizeof(s))))
		ret = -EFAULT;
out:
	kvfree(bitmap);
	return ret;
}

static long age_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	void __user *arg = (void __user *)argument;
	struct age_file *f = file->private_data;
	struct age_machine *m = &f->machine;
	long ret;

	if (mutex_lock_interruptible(&f->lock))
		return -ERESTARTSYS;
	if (command == KVM_AGE_ATTACH)
		ret = age_ioctl_attach(m, arg);
	else if (!m->kvm)
		ret = -ENXIO;
	else if (command == KVM_AGE_SLOTS)
		ret = age_ioctl_slots(m, arg);
	else if (command == KVM_AGE_HARVEST)
		ret = age_ioctl_scan(m, arg, false);
	else if (command == KVM_AGE_ASK_KVM)
		ret = age_ioctl_scan(m, arg, true);
	else
		ret = -ENOTTY;
	mutex_unlock(&f->lock);
	return ret;
}

static int age_open(struct inode *inode, struct file *file)
{
	struct age_file *f = kzalloc(sizeof(*f), GFP_KERNEL_ACCOUNT);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	file->private_data = f;
	return 0;
}

static int age_release(struct inode *inode, struct file *file)
{
	struct age_file *f = file->private_data;

	ptw_pgtable_destroy(f->machine.pgtable);
	if (f->machine.file)
		fput(f->machine.file);
	kfree(f);
	return 0;
}

static const struct file_operations age_operations = {
	.owner = THIS_MODULE,
	.open = age_open,
	.release = age_release,
	.unlocked_ioctl = age_ioctl,
	.llseek = noop_llseek,
};

/* Whose memory is used when is a secret of the guest: for root alone. */
static struct miscdevice age_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "kvm-age",
	.fops = &age_operations,
	.mode = 0600,
};

static int __init age_init(void)
{
	age_ask_kvm_init();
	return misc_register(&age_device);
}

static void __exit age_exit(void)
{
	misc_deregister(&age_device);
}

module_init(age_init);
module_exit(age_exit);
MODULE_DESCRIPTION("Ages of a KVM guest's pages, read out of its page tables");
MODULE_LICENSE("Dual MIT/GPL");
