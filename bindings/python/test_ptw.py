#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Tests of the binding. Prints TAP."""
import random
import sys
import traceback

import ptw

PAGE = 4096


def table_of(pages, preset="ept4"):
    table = ptw.PageTable(preset)
    table.map(0, pages * table.page_size)
    return table


def raises(kind, function, *arguments, **named):
    try:
        function(*arguments, **named)
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__}")


def test_version():
    assert ptw.version().count(".") == 2, ptw.version()
    assert "ept4" in ptw.presets() and "arm64-s2-4k" in ptw.presets()


def test_every_preset_harvests_what_was_planted():
    for preset in ptw.presets():
        table = table_of(512, preset)
        cpu, size = table.cpu(), table.page_size
        planted = sorted(random.Random(1).sample(range(512), 37))
        for page in planted:
            assert cpu.read(page * size) == page * size, preset
        found = table.harvest(0, 512 * size)
        if preset.endswith("-contig"):  # one accessed bit for 16 pages or more
            planted = [page for page in range(512) if page in set(found.pages()) or page in planted]
        assert list(found.pages()) == planted and found.young_pages == len(planted), preset
        assert table.harvest(0, 512 * size).young_pages == 0, preset


def test_peek_leaves_it():
    table = table_of(64)
    table.cpu().read(3 * PAGE)
    assert table.harvest(0, 64 * PAGE, peek=True).young_pages == 1
    assert table.harvest(0, 64 * PAGE).young_pages == 1


def test_dirty_and_accessed_in_one_pass():
    table = table_of(64)
    cpu = table.cpu()
    cpu.read(PAGE)
    cpu.write(2 * PAGE)
    found = table.harvest(0, 64 * PAGE, dirty=True)
    assert list(ptw.pages_of(found.young)) == [1, 2]
    assert list(ptw.pages_of(found.dirty)) == [2]
    assert found.counts()["dirty_pages"] == 1


def test_into_is_ored_into():
    table = table_of(128)
    cpu, both = table.cpu(), bytearray(16)
    for page in (1, 100):
        cpu.read(page * PAGE)
        table.harvest(0, 128 * PAGE, into=both)
    assert list(ptw.pages_of(both)) == [1, 100]
    raises(ValueError, table.harvest, 0, 129 * PAGE, into=both)


def test_range_that_begins_within_a_word():
    table = table_of(256)
    table.cpu().read(130 * PAGE)
    found = table.harvest(129 * PAGE, 132 * PAGE)
    assert found.first_page == 128 and list(found.pages()) == [130]


def test_unmap_returns_what_was_there():
    table = table_of(64)
    cpu = table.cpu()
    cpu.write(5 * PAGE)
    gone = table.unmap(0, 32 * PAGE)
    assert list(gone.pages()) == [5] and gone.dirty_pages == 1
    assert cpu.read(5 * PAGE) is None and cpu.read(40 * PAGE) == 40 * PAGE


def test_tlb():
    table = table_of(64)
    cpu = table.cpu(tlb=(16, 4))
    cpu.read(0)
    assert table.harvest(0, 64 * PAGE).young_pages == 1
    cpu.read(0)
    assert table.harvest(0, 64 * PAGE).young_pages == 0
    cpu.forget()
    cpu.read(0)
    assert table.harvest(0, 64 * PAGE).young_pages == 1


def test_errors():
    error = raises(ptw.Error, ptw.PageTable, "no-such")
    assert "ept4" in str(error) and error.code < 0
    table = table_of(64)
    raises(ptw.Error, table.map, 0, PAGE)
    raises(ptw.Error, table.harvest, 1, PAGE)
    raises(ValueError, table.harvest, PAGE, PAGE)
    raises(ValueError, ptw.Engine, 64, policy="no-such")


def test_ages():
    table, ages = table_of(256), ptw.Ages(256)
    cpu = table.cpu()
    for scan in range(5):
        ages.advance()
        cpu.read(scan * PAGE)
        ages.mark(table.harvest(0, 256 * PAGE).young)
    histogram = ages.histogram()
    assert histogram[:6] == [1, 1, 1, 1, 1, 0] and histogram[ptw.AGE_MAX] == 251
    assert ages.working_set(3) == 3


def test_engine_puts_out_what_is_cold():
    for policy in ptw.POLICIES:
        table = ptw.PageTable("ept4")
        engine = ptw.Engine(256, policy)
        group = engine.group(0, 256, table=table)
        cpu = table.cpu()
        for page in range(256):
            table.map(page * PAGE, (page + 1) * PAGE)
            engine.add(page)
        for _ in range(6):
            for page in range(128, 256):
                cpu.read(page * PAGE)
            assert group.age()
        assert group.evict(100) == 100, policy
        report = group.report()
        assert report["resident"] == 156 and report["evicted"] == 100
        assert sum(g["pages"] for g in report["generations"]) == 156 or policy == "learned"
        assert sum(cpu.read(page * PAGE) is None for page in range(128)) == 100, policy
        engine.check()


def test_callbacks():
    engine, seen = ptw.Engine(192), []

    def evict(pages):
        seen.extend(pages)
        return [ptw.FAILED if page % 2 else ptw.EVICTED for page in pages]

    group = engine.group(64, 128, harvest=lambda first, pages: [(64, 0b110)], evict=evict)
    for page in range(64, 192):
        engine.add(page)
    group.age()
    assert group.report()["aged"] >= 2
    gone = group.evict(10)
    assert gone == 10 and 20 >= len(seen) >= 10 and all(64 <= page < 192 for page in seen)
    assert group.report()["failed"] == sum(page % 2 for page in seen)
    engine.check()


def test_exceptions_of_callbacks_come_through():
    engine = ptw.Engine(64)

    def bad(*_):
        raise KeyError("mine")

    group = engine.group(0, 64, harvest=bad, evict=bad)
    engine.add(0)
    assert "mine" in str(raises(KeyError, group.age))
    for _ in range(2):
        assert "mine" in str(raises(KeyError, group.evict, 1))
    engine.check()


def test_an_interrupt_within_a_callback_comes_through():
    """Also one that Python sees where the callback begins, as after a long call of the library."""
    def interrupt(*_):
        raise KeyboardInterrupt

    def at_entry(frame, event, _):
        if event == "call" and frame.f_code.co_name == "guarded":
            sys.setprofile(None)
            raise KeyboardInterrupt

    for callback, where in ((interrupt, None), (lambda *_: [], at_entry)):
        for name in ("harvest", "evict"):
            engine = ptw.Engine(64)
            group = engine.group(0, 64, **{name: callback})
            engine.add(0)
            sys.setprofile(where)
            try:
                raises(KeyboardInterrupt, *((group.age,) if name == "harvest" else (group.evict, 1)))
            finally:
                sys.setprofile(None)
            engine.check()


def test_exceptions_of_a_clock_come_through():
    broken = []

    def clock():
        if broken:
            raise KeyError("clock")
        return 1

    engine = ptw.Engine(64, clock=clock)
    group = engine.group(0, 64, harvest=lambda first, pages: [])
    engine.add(0)
    broken.append(True)
    assert "clock" in str(raises(KeyError, group.age))
    broken.clear()
    group.age()
    engine.check()


def test_groups_that_cannot_be_leave_nothing():
    engine = ptw.Engine(256)
    engine.group(0, 64)
    for _ in range(100):  # more than an engine has by default
        raises(ptw.Error, engine.group, 0, 128)
        raises(ptw.Error, engine.group, 64, 1024)
    engine.group(64, 128)
    engine.add(64)
    engine.check()


def test_evict_tells_of_each_page_once():
    for told in ([], [ptw.EVICTED] * 65, [ptw.EVICTED] * 5000):
        engine = ptw.Engine(64)
        group = engine.group(0, 64, evict=lambda pages, told=told: told)
        for page in range(64):
            engine.add(page)
        assert f"told of {len(told)}" in str(raises(ValueError, group.evict, 8))
        assert group.report()["resident"] == 64
        engine.check()


def test_clock():
    engine = ptw.Engine(64, clock=lambda: 1234)
    group = engine.group(0, 64, harvest=lambda first, pages: [])
    engine.add(0)
    group.age()
    assert group.report()["generations"][0]["birth_ms"] == 1234


def test_numpy():
    try:
        import numpy
    except ImportError:
        return "SKIP no numpy"
    table = table_of(128)
    table.cpu().read(77 * PAGE)
    bits = numpy.unpackbits(numpy.frombuffer(table.harvest(0, 128 * PAGE).young, numpy.uint8), bitorder="little")
    assert bits.nonzero()[0].tolist() == [77]
    return None


def main():
    tests = [(name[5:], run) for name, run in globals().items() if name.startswith("test_")]
    failed = 0
    for number, (name, run) in enumerate(tests, 1):
        try:
            said = run()
            print(f"ok {number} - python: {name.replace('_', ' ')}" + (f" # {said}" if said else ""))
        except Exception:  # any failure is one of the test
            failed += 1
            print(f"not ok {number} - python: {name.replace('_', ' ')}")
            for line in traceback.format_exc().split("\n"):
                print("# " + line)
    print(f"1..{len(tests)}")
    return 1 if failed else 0


sys.exit(main())
