/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Lists of pages, linked by page numbers. Lists that share an array of links share the pages, too: a
 * page is in at most one of them. Which one, the caller knows.
 */
#ifndef PTW_SIM_PAGE_LIST_H
#define PTW_SIM_PAGE_LIST_H

#include <stdint.h>

/* Neighbours by page number + 1, so that zeroed memory says "none". */
struct page_link {
	uint32_t newer;
	uint32_t older;
};

struct page_list {
	uint32_t newest; /* page number + 1, or 0 */
	uint32_t oldest;
	uint32_t pages;
};

static inline void page_list_add(struct page_list *list, struct page_link *links, uint32_t page)
{
	links[page] = (struct page_link){.older = list->newest};
	if (list->newest)
		links[list->newest - 1].newer = page + 1;
	else
		list->oldest = page + 1;
	list->newest = page + 1;
	list->pages++;
}

static inline void page_list_remove(struct page_list *list, struct page_link *links, uint32_t page)
{
	struct page_link link = links[page];

	if (link.newer)
		links[link.newer - 1].older = link.older;
	else
		list->newest = link.older;
	if (link.older)
		links[link.older - 1].newer = link.newer;
	else
		list->oldest = link.newer;
	list->pages--;
}

/* The page that was added first. There is one. */
static inline uint32_t page_list_oldest(const struct page_list *list)
{
	return list->oldest - 1;
}

static inline uint32_t page_list_take_oldest(struct page_list *list, struct page_link *links)
{
	uint32_t page = page_list_oldest(list);

	page_list_remove(list, links, page);
	return page;
}

#endif /* PTW_SIM_PAGE_LIST_H */
