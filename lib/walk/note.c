/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "lib/walk/note.h"

/* A note of the table of `level` that maps `ia`, among others. */
static uint64_t ptw_note_of(struct ptw_pgtable *p, uint64_t ia, unsigned int level)
{
	unsigned int lg2 = ptw_span_lg2(p->instance->format, level + 1);

	return ptw_note_make(p, ia >> lg2 << lg2, level);
}

bool ptw_note_forget(struct ptw_pgtable *p, uint64_t ia, unsigned int level)
{
	uint64_t note = ptw_note_of(p, ia, level);

	for (uint64_t i = 0; i < PTW_NOTES; i++) {
		uint64_t other = ptw_port_load(&p->note[i]);

		if (other && !((other ^ note) & ~PTW_NOTE_WHEN))
			return ptw_port_cas(&p->note[i], &other, 0);
	}
	return false;
}

void ptw_note_seen(struct ptw_pgtable *p, uint64_t ia, unsigned int level, bool emptied)
{
	uint64_t note = ptw_note_of(p, ia, level), room = PTW_NOTES;

	for (uint64_t i = 0; i < PTW_NOTES; i++) {
		uint64_t other = ptw_port_load(&p->note[i]);

		if (!other)
			room = i;
		else if (!((other ^ note) & ~PTW_NOTE_WHEN) &&
			 /* Partner: the compare-exchange of a forgetter, which fails or sees us. */
			 (!emptied || ptw_port_cas(&p->note[i], &other, note)))
			return;
	}
	if (room < PTW_NOTES) {
		uint64_t none = 0;

		if (ptw_port_cas(&p->note[room], &none, note))
			return;
	}
	ptw_port_store32(&p->notes_lost, 1);
}
