/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Texts of the error codes. */
#include <ptw/error.h>

const char *ptw_strerror(int error)
{
	switch ((enum ptw_error)error) {
	case PTW_OK:
		return "success";
	case PTW_ERR_ARG:
		return "invalid argument";
	case PTW_ERR_SIZE:
		return "size field or buffer too small";
	case PTW_ERR_ALIGN:
		return "address not aligned to the granule";
	case PTW_ERR_RANGE:
		return "range empty, wrapping or beyond what there is";
	case PTW_ERR_OUTPUT:
		return "output address or table beyond the output address size";
	case PTW_ERR_PERM:
		return "permissions or memory type not expressible in this format";
	case PTW_ERR_CONFIG:
		return "configuration that no hardware could have, or that is not the saved one";
	case PTW_ERR_CONFIG_LEVELS:
		return "input address size does not fit the number of levels";
	case PTW_ERR_CONFIG_FEATURE:
		return "feature that the format lacks, or without the feature it depends on";
	case PTW_ERR_CONFIG_MODE:
		return "mode that changes the meaning of entry bits is not supported";
	case PTW_ERR_UNSUPPORTED:
		return "not supported by this format, layout or kind of page table";
	case PTW_ERR_CONTEXT:
		return "called in a read-side section or an RCU callback, where it would deadlock, or out of order";
	case PTW_ERR_EXISTS:
		return "something is mapped there already";
	case PTW_ERR_NOMEM:
		return "out of memory for tables";
	case PTW_ERR_HOLE:
		return "nothing is mapped there";
	case PTW_ERR_BLOCK:
		return "range cuts a leaf extent, which would have to be split";
	case PTW_ERR_AGAIN:
		return "somebody else has the entry, lock or page just now, try again";
	case PTW_ERR_STOPPED:
		return "stopped by the visitor or output function";
	case PTW_ERR_FAULT:
		return "access not allowed by the mapping";
	case PTW_ERR_CORRUPT_CYCLE:
		return "corrupt page table: a table is reached through itself";
	case PTW_ERR_CORRUPT_BOUNDS:
		return "corrupt page table, with a table outside the declared memory; or an image that is cut off or out of range";
	case PTW_ERR_CORRUPT_RESERVED:
		return "corrupt page table, with reserved bits or an impossible encoding; or an image with wrong bytes";
	case PTW_ERR_CORRUPT_BUDGET:
		return "corrupt page table: more tables than declared";
	case PTW_ERR_CORRUPT_COUNT:
		return "corrupt page table or image: a count differs from what is counted";
	case PTW_ERR_CORRUPT_GROUP:
		return "corrupt page table: contiguous group with contradicting members";
	case PTW_ERR_BUDGET:
		return "work budget spent, go on at the address reached";
	case PTW_ERR_BACKLOG:
		return "too many tables wait for a grace period";
	case PTW_ERR_ABSENT:
		return "no such MMU, slot or entry, or it is gone already";
	case PTW_ERR_OVERLAP:
		return "frames are in another slot of the same address space";
	case PTW_ERR_THRASHING:
		return "all that could go is younger than the minimum age";
	case PTW_ERR_POLICY:
		return "saved under another policy than the engine's";
	case PTW_ERR_BUSY:
		return "something is still below it";
	case PTW_ERR_LIMIT:
		return "limit reached";
	case PTW_ERR_MMU:
		return "an MMU returned nonsense";
	case PTW_ERR_PINNED:
		return "page is pinned";
	case PTW_ERR_DROPPED:
		return "page, or one that shares its gate, is being invalidated: see what unmap returned";
	}
	return "unknown error";
}
