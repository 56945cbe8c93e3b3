#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""What the Python binding gives when a call ends half-way; under LD_PRELOAD of again.c. Fails by an exception."""
import os
import sys

import ptw

PAGE = 4096
BLOCK, AGAIN, BACKLOG = -16, -17, -27


def planted(times, error=AGAIN, of_map=False, of_harvest=False):
    """So many calls from now on. os.environ reaches the C library's environment."""
    os.environ["PTW_PLANTED_TIMES"], os.environ["PTW_PLANTED_ERROR"] = str(times), str(error)
    os.environ["PTW_PLANTED_MAP"], os.environ["PTW_PLANTED_HARVEST"] = str(int(of_map)), str(int(of_harvest))


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


def a_block_after_others_were_waited_for():
    """A half is done, then the end cuts a block: the place to go on is where the half ended, and the block lies elsewhere."""
    table, block = ptw.PageTable("ept4"), 512
    table.map(0, 64 * PAGE)
    cpu = table.cpu()
    for page in (1, 60):
        cpu.read(page * PAGE)
    planted(1)

    def blocked(seconds):  # another writer's, while it is waited for
        if seconds == 0:
            table.map(block * PAGE, 2 * block * PAGE, blocks=True)

    real, ptw.time.sleep = ptw.time.sleep, blocked
    try:
        table.unmap(0, (block + 1) * PAGE)
    except ptw.Error as error:
        assert (error.code, error.reached, error.at) == (BLOCK, 256 * PAGE, block * PAGE), (error.reached, error.at)
        assert list(error.found.pages()) == [1, 60]
        planted(0)
        assert not list(table.unmap(error.reached, error.at).pages())
        table.unmap(error.reached, 2 * block * PAGE)
        return
    finally:
        ptw.time.sleep = real
    raise AssertionError("no error")


def group_of(pages):
    table, engine = ptw.PageTable("ept4"), ptw.Engine(pages)
    table.map(0, pages * PAGE)
    group = engine.group(0, pages, table=table)
    for page in range(pages):
        engine.add(page)
    return table, engine, group


def evict_waits_once_for_a_batch():
    """What another operation owns fails, and what nobody owns goes, also after the patience came to its end."""
    waits, real, tries = [], ptw.time.sleep, ptw._Patience.TRIES
    ptw.time.sleep, ptw._Patience.TRIES = waits.append, 20
    os.environ["PTW_PLANTED_NOTHING"] = "1"
    try:
        # 20 pauses, one more try of the first page, and one of each of the others.
        for times, fail in ((20 + 6, 6), (10 ** 6, 64), (15, 0)):
            _, _, group = group_of(64)
            waits.clear()
            planted(times)
            assert list(group._evict(list(range(64)))) == [ptw.FAILED] * fail + [ptw.EVICTED] * (64 - fail)
            assert len(waits) == min(times, 20), len(waits)
            assert group.removed().entries == 64 - fail
            planted(0)
    finally:
        del os.environ["PTW_PLANTED_NOTHING"]
        ptw.time.sleep, ptw._Patience.TRIES = real, tries


def a_harvest_that_ends_tells_the_engine():
    table, engine, group = group_of(256)
    cpu = table.cpu()
    for _ in range(3):
        group.age()
    cpu.read(5 * PAGE)
    cpu.read(200 * PAGE)
    planted(1, BACKLOG, of_harvest=True)
    try:
        group.age()
    except ptw.Error as error:
        assert error.code == BACKLOG, error
    else:
        raise AssertionError("no error")
    planted(0)
    group.age()
    assert group.report()["aged"] == 2, group.report()
    engine.check()


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


for test in (unmap_goes_on, unmap_over_several_words, another_error_tells_what_was_found, it_ends,
             a_block_after_others_were_waited_for, evict_waits_once_for_a_batch, a_harvest_that_ends_tells_the_engine, upper_half,
             map_goes_on):
    planted(0)
    print(f"{test.__name__.replace('_', ' ')}")
    sys.stdout.flush()
    test()
