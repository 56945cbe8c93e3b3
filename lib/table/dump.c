/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A page table as text, as a visitor: one line for a table, one for each run of leaves alike. */
#include "lib/table/table.h"

struct ptw_text {
	char buffer[160];
	unsigned int length;
};

static void ptw_text_add(struct ptw_text *t, const char *s)
{
	while (*s && t->length < sizeof(t->buffer) - 1)
		t->buffer[t->length++] = *s++;
	t->buffer[t->length] = 0;
}

static void ptw_text_hex(struct ptw_text *t, uint64_t v, unsigned int digits)
{
	char s[17];
	unsigned int i = 16;

	s[i] = 0;
	do {
		s[--i] = "0123456789abcdef"[v & 15];
		v >>= 4;
	} while (i && (v || 16 - i < digits));
	ptw_text_add(t, &s[i]);
}

static void ptw_text_decimal(struct ptw_text *t, uint64_t v)
{
	char s[21];
	unsigned int i = 20;

	s[i] = 0;
	do {
		s[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	ptw_text_add(t, &s[i]);
}

/* A power of two in the largest unit that divides it. */
static void ptw_text_size(struct ptw_text *t, uint64_t bytes)
{
	static const char *const unit[] = { "", "K", "M", "G", "T", "P" };
	unsigned int u = 0;

	while (u < 5 && bytes && !(bytes & 1023)) {
		bytes >>= 10;
		u++;
	}
	ptw_text_decimal(t, bytes);
	ptw_text_add(t, unit[u]);
}

struct ptw_dump_job {
	ptw_line_fn line;
	void *context;
	unsigned int root_level;
	/* Leaves that wait for more of the same kind. */
	struct ptw_leaf leaf;
	uint64_t start;
	uint64_t size;
	uint64_t count;
	unsigned int level;
};

static void ptw_dump_indent(const struct ptw_dump_job *job, struct ptw_text *t, unsigned int level)
{
	for (unsigned int i = level; i < job->root_level; i++)
		ptw_text_add(t, "  ");
}

static void ptw_dump_leaves(struct ptw_dump_job *job)
{
	struct ptw_text t = { .length = 0 };
	const struct ptw_leaf *leaf = &job->leaf;

	if (!job->count)
		return;
	ptw_dump_indent(job, &t, job->level);
	ptw_text_hex(&t, job->start, 12);
	ptw_text_add(&t, "-");
	ptw_text_hex(&t, job->start + job->count * job->size, 12);
	ptw_text_add(&t, " ");
	ptw_text_decimal(&t, job->count);
	ptw_text_add(&t, " x ");
	ptw_text_size(&t, job->size);
	ptw_text_add(&t, " -> ");
	ptw_text_hex(&t, leaf->oa, 12);
	ptw_text_add(&t, leaf->prot & PTW_PROT_READ ? " r" : " -");
	ptw_text_add(&t, leaf->prot & PTW_PROT_WRITE ? "w" : "-");
	ptw_text_add(&t, leaf->prot & PTW_PROT_EXEC ? "x" : "-");
	if (leaf->prot & PTW_PROT_USER)
		ptw_text_add(&t, " user");
	if (leaf->memtype)
		ptw_text_add(&t, leaf->memtype == PTW_MEM_DEVICE ? " device" : " uncached");
	ptw_text_add(&t, leaf->flags & PTW_LEAF_YOUNG ? " young" : "");
	ptw_text_add(&t, leaf->flags & PTW_LEAF_DIRTY ? " dirty" : "");
	ptw_text_add(&t, leaf->flags & PTW_LEAF_GROUP ? " contiguous" : "");
	ptw_text_add(&t, leaf->flags & PTW_LEAF_HELD ? " held" : "");
	ptw_text_add(&t, leaf->flags & PTW_LEAF_USER_BIT ? " user-bit" : "");
	job->count = 0;
	job->line(job->context, t.buffer);
}

static int ptw_dump_run(struct ptw_dump_job *job, const struct ptw_visit *visit)
{
	for (unsigned int i = 0; i < visit->count; i++) {
		struct ptw_leaf leaf;

		if (ptw_visit_leaf(visit, i, &leaf))
			continue;
		if (job->count && job->level == visit->level &&
		    job->start + job->count * job->size == visit->ia + i * visit->size &&
		    job->leaf.oa + job->count * job->size == leaf.oa &&
		    job->leaf.prot == leaf.prot && job->leaf.memtype == leaf.memtype &&
		    job->leaf.flags == leaf.flags) {
			job->count++;
			continue;
		}
		ptw_dump_leaves(job);
		job->leaf = leaf;
		job->start = visit->ia + i * visit->size;
		job->size = visit->size;
		job->level = visit->level;
		job->count = 1;
	}
	return PTW_VISIT_NEXT;
}

static int ptw_dump_visit(void *context, const struct ptw_visit *visit)
{
	const struct ptw_pgtable *p = visit->pgtable;
	struct ptw_dump_job *job = context;
	struct ptw_text t = { .length = 0 };

	if (visit->kind == PTW_VISIT_LEAF)
		return ptw_dump_run(job, visit);
	ptw_dump_leaves(job);
	ptw_dump_indent(job, &t, visit->level);
	ptw_text_hex(&t, visit->ia, 12);
	ptw_text_add(&t, "-");
	ptw_text_hex(&t, visit->ia + visit->size, 12);
	ptw_text_add(&t, " table at ");
	ptw_text_hex(&t, p->instance->format->address(&p->geometry, visit->entries[0],
						      visit->level), 12);
	job->line(job->context, t.buffer);
	return PTW_VISIT_NEXT;
}

int ptw_dump(struct ptw_pgtable *p, uint64_t start, uint64_t end, ptw_line_fn line, void *context)
{
	struct ptw_dump_job job = { .line = line, .context = context };
	struct ptw_walk walk = {
		.size = sizeof(walk),
		.kinds = PTW_VISIT_LEAF | PTW_VISIT_TABLE_PRE,
		.visit = ptw_dump_visit,
		.context = &job,
	};
	int ret;

	if (!p || !line)
		return PTW_ERR_ARG;
	if (!start && !end)
		end = (uint64_t)1 << p->geometry.ia_bits;
	job.root_level = p->geometry.root_level;
	ret = ptw_walk(p, start, end, &walk, NULL);
	ptw_dump_leaves(&job);
	return ret;
}
