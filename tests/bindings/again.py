#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What the Python binding gives when a call ends half-way; under LD_PRELOAD of again.c. Fails by an exception."""
import os
import sys

import ptw

PAGE = 4096
AGAIN, BACKLOG = -17, -27


def planted(times, error=AGAIN, of_map=False):
    """So many calls from now on. os.environ reaches the C library's environment."""
    os.environ["PTW_PLANTED_TIMES"], os.environ["PTW_PLANTED_ERROR"] = str(times), str(error)
    os.environ["PTW_PLANTED_MAP"] = str(int(of_map))


def used_table():
    """First page 128 of a table whose pages 130, 150 and 191 were read, and 190 written."""
    table = ptw.PageTable("ept4")
    table.map(128 * PAGE, 192 * PAGE)
    cpu = table.cpu()
    for page in (130, 150, 191):
        cpu.read(page * PAGE)
    cpu.write(190 * PAGE)
    return table


def whole(found):
    assert list(found.pages()) == [130, 150, 190, 191], list(found.pages())
    assert list(ptw.pages_of(found.dirty, found.first_page)) == [190]
    assert (found.young_pages, found.dirty_pages, found.young_extents) == (4, 1, 4), found.counts()


def unmap_goes_on():
    for times in (1, 3):
        table = used_table()
        planted(times)
        whole(table.unmap(128 * PAGE, 192 * PAGE))


def unmap_over_several_words():
    table = ptw.PageTable("ept4")
    table.map(0, 1024 * PAGE)
    cpu = table.cpu()
    pages = list(range(1, 1024, 77))
    for page in pages:
        cpu.read(page * PAGE)
    planted(4)
    found = table.unmap(0, 1024 * PAGE)
    assert list(found.pages()) == pages, list(found.pages())


def another_error_tells_what_was_found():
    table = used_table()
    planted(1, BACKLOG)
    try:
        table.unmap(128 * PAGE, 192 * PAGE)
    except ptw.Error as error:
        assert error.code == BACKLOG and error.reached == 160 * PAGE, error.reached
        assert list(error.found.pages()) == [130, 150] and error.found.young_pages == 2
        rest = table.unmap(error.reached, 192 * PAGE)
        assert list(rest.pages()) == [190, 191]
        return
    raise AssertionError("no error")


def it_ends():
    """Nothing can be done, ever: not endlessly."""
    table = used_table()
    planted(10 ** 6, AGAIN)
    os.environ["PTW_PLANTED_NOTHING"] = "1"
    try:
        table.unmap(128 * PAGE, 192 * PAGE)
    except ptw.Error as error:
        assert error.code == AGAIN and error.reached == 128 * PAGE, error.reached
        assert not list(error.found.pages())
    else:
        raise AssertionError("no error")
    finally:
        del os.environ["PTW_PLANTED_NOTHING"]


def upper_half():
    """Results tell addresses without their sign; what was asked for keeps it."""
    start = 0xffff_8000_0000_0000
    table = ptw.PageTable("x86-64")
    table.map(start, start + 256 * PAGE, oa=0)
    cpu = table.cpu()
    for page in (3, 200):
        assert cpu.read(start + page * PAGE) is not None
    planted(2)
    found = table.unmap(start, start + 256 * PAGE)
    assert list(ptw.pages_of(found.young)) == [3, 200], list(ptw.pages_of(found.young))


def map_goes_on():
    table = ptw.PageTable("ept4")
    planted(3, of_map=True)
    table.map(0, 64 * PAGE, oa=1 << 30)
    cpu = table.cpu()
    assert [cpu.read(page * PAGE) for page in range(64)] == [(1 << 30) + page * PAGE for page in range(64)]


for test in (unmap_goes_on, unmap_over_several_words, another_error_tells_what_was_found, it_ends, upper_half, map_goes_on):
    planted(0)
    print(f"{test.__name__.replace('_', ' ')}")
    sys.stdout.flush()
    test()
