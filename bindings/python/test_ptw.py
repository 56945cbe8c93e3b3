#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Tests of the binding. Prints TAP."""
import contextlib
import io
import random
import sys
import threading
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
    raise AssertionError(f"no {kind}")


def error_of(function, *arguments):
    """What the library said instead, if anything."""
    try:
        function(*arguments)
    except ptw.Error as error:
        return error
    return None


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


def test_what_no_clock_says_comes_through():
    for wrong in (-1, 1 << 64, None, "noon"):
        said = [5]
        engine = ptw.Engine(64, clock=lambda said=said: said[0])
        group = engine.group(0, 64, harvest=lambda first, pages: [])
        engine.add(0)
        said[0] = wrong
        with contextlib.redirect_stderr(io.StringIO()) as aside:
            raises((OverflowError, TypeError, ValueError), group.age)
        assert not aside.getvalue(), aside.getvalue()
        assert group.report()["generations"][0]["birth_ms"] == 5
        said[0] = 9
        assert group.age() and group.report()["generations"][0]["birth_ms"] == 9
        engine.check()


def test_a_clock_that_raises_stands_still():
    """It did not go back to 0, either: idle-age would take the time since for its own."""
    said = []
    for breaks in (False, True):
        now = [10 ** 12]
        engine = ptw.Engine(64, "idle-age", clock=lambda now=now: now[0])
        group = engine.group(0, 64, harvest=lambda first, pages: [])
        for page in range(64):
            engine.add(page)
        if breaks:
            now[0] = None
            raises(TypeError, group.wants_ageing)
            now[0] = 10 ** 12
        group.wants_ageing()
        group.age()
        now[0] += 10 ** 6
        said.append(group.wants_ageing())
    assert said == [True, True], said


def test_a_clock_that_raises_ends_the_call():
    harvests = []
    engine = engine_that_breaks("generations")
    engine.callbacks["harvest"] = lambda *which: harvests.append(which) or []
    group = engine.group(0, 64, **engine.callbacks)
    engine.broken = "clock"
    raises(KeyError, group.age)
    assert not harvests
    engine.broken = None
    assert group.age() and harvests


def calls_of(engine):
    """Every call of an engine and a group, as functions."""
    group = engine.group(0, 64, **engine.callbacks)
    for page in range(32):
        engine.add(page)
    return {"group": lambda: engine.group(64, 64, **engine.callbacks), "age": group.age, "wants_ageing": group.wants_ageing,
            "evict": lambda: group.evict(3), "report": group.report, "check": engine.check,
            "add": lambda: engine.add(40), "remove": lambda: engine.remove(1)}


def engine_that_breaks(policy):
    """Its `broken` is the name of the callback that raises from now on, its `asked` says how often that ran."""
    def callback(name, answer):
        def run(*arguments):
            if engine is not None and engine.broken == name:
                engine.asked += 1
                raise KeyError(name)
            return answer(*arguments)
        return run

    engine = None
    engine = ptw.Engine(128, policy, clock=callback("clock", lambda: 1))
    engine.broken, engine.asked = None, 0
    engine.callbacks = {"harvest": callback("harvest", lambda first, pages: []), "look": callback("look", lambda page: False),
                        "evict": callback("evict", lambda pages: None)}
    return engine


def test_a_call_raises_what_its_callbacks_raised_and_no_other_does():
    ran = set()
    for policy in ptw.POLICIES:
        for name in calls_of(engine_that_breaks(policy)):
            for broken in ("clock", "harvest", "look", "evict"):
                engine = engine_that_breaks(policy)
                calls = calls_of(engine)
                engine.broken = broken
                try:
                    calls[name]()
                    said = None
                except KeyError as error:
                    said = error.args[0]
                assert said == (broken if engine.asked else None), (policy, name, broken, said, engine.asked)
                assert engine.asked <= 1, (policy, name, broken)  # the call ends
                ran |= {(policy, name, broken)} if engine.asked else set()
                engine.broken = None
                for other in calls:
                    with contextlib.suppress(ptw.Error):  # some are made twice
                        calls[other]()
    assert {("learned", "wants_ageing", "clock"), ("generations", "age", "clock"), ("idle-age", "group", "clock"),
            ("idle-age", "age", "harvest"), ("learned", "evict", "look"), ("generations", "evict", "evict")} <= ran, ran


def test_a_thread_raises_what_its_own_callbacks_raised():
    both_run, over = threading.Event(), threading.Event()
    told = []

    def waits(first, pages):
        both_run.set()
        over.wait(60)
        return []

    def fails(first, pages):
        thread.start()
        both_run.wait(60)
        raise KeyError("mine")

    def other():
        try:
            told.append(groups[1].age())
        except BaseException as error:
            told.append(error)

    groups = [ptw.Engine(64).group(0, 64, harvest=harvest) for harvest in (fails, waits)]
    thread = threading.Thread(target=other)
    try:
        assert "mine" in str(raises(KeyError, groups[0].age))
    finally:
        over.set()
        thread.join(60)
    assert told == [True], told


def test_an_exception_that_a_callback_caught_is_over():
    def evict(_):
        engine.broken = "clock"
        raises(KeyError, group.age)
        engine.broken = None

    engine = engine_that_breaks("learned")
    engine.callbacks["evict"] = evict
    group = engine.group(0, 64, **engine.callbacks)
    for page in range(64):
        engine.add(page)
    assert group.evict(1) == 1 and engine.asked == 1
    engine.check()


def test_groups_whose_clock_raises_leave_nothing():
    engine = engine_that_breaks("generations")
    engine.broken = "clock"
    for _ in range(100):  # more than an engine has by default
        raises(KeyError, engine.group, 0, 64)
    engine.broken = None
    engine.group(0, 64)


def test_evict_of_a_table_tells_what_the_last_entries_held():
    def look(page):  # and then it is used once more
        young = table.harvest(page * PAGE, (page + 1) * PAGE).young_pages != 0
        if page % 2:
            (cpu.write if page == 3 else cpu.read)(page * PAGE)
        return young

    table, engine = table_of(128), ptw.Engine(192)
    cpu = table.cpu()
    first = 64  # page 0 of the table
    group = engine.group(first, 128, table=table, look=lambda page: look(page - first))
    for page in range(128):
        engine.add(first + page)
    group.age()
    assert group.evict(8) == 8
    removed = group.removed()
    gone = [page for page in range(128) if cpu.read(page * PAGE) is None]
    assert removed.entries == len(gone) == 8
    assert list(removed.pages()) == [first + page for page in gone if page % 2], list(removed.pages())
    assert list(ptw.pages_of(removed.dirty, removed.first_page)) == [first + 3] and 3 in gone
    assert (removed.young_pages, removed.dirty_pages) == (4, 1)
    assert not list(group.removed().pages()) and group.removed().entries == 0
    engine.check()


def test_what_evict_yielded_before_an_exception_holds():
    def evict(pages):
        for page in pages[:len(pages) + min(more, 0)]:
            if len(gone) == 2 and stop is not None:
                raise stop
            gone.append(page)
            yield ptw.EVICTED
        yield from [ptw.EVICTED] * more

    for stop, more, kind in ((KeyboardInterrupt(), 0, KeyboardInterrupt), (None, 0, None), (None, 1, ValueError),
                             (None, 1000, ValueError), (None, -1, ValueError)):
        engine, gone = ptw.Engine(64), []
        group = engine.group(0, 64, evict=evict)
        for page in range(64):
            engine.add(page)
        if kind:
            raises(kind, group.evict, 8)
        else:
            assert group.evict(8) == 8
        assert group.report()["resident"] == 64 - len(gone) and len(gone) >= (stop is not None) * 2
        for page in range(64):
            assert (page in gone) == (error_of(engine.remove, page) is not None)
        engine.check()


def test_an_interrupted_evict_of_a_table_leaves_both_alike():
    table, engine = table_of(64), ptw.Engine(64)
    cpu, group = table.cpu(), engine.group(0, 64, table=table)
    for page in range(64):
        engine.add(page)
        cpu.read(page * PAGE)
    for _ in range(4):  # all are of one age, and go at once
        group.age()

    def late(frame, event, _):
        if event == "call" and frame.f_code.co_name in ("unmap", "_unmap") and group.report()["isolated"]:
            late.calls += 1
            if late.calls == 5:
                sys.setprofile(None)
                raise KeyboardInterrupt

    late.calls = 0
    sys.setprofile(late)
    try:
        raises(KeyboardInterrupt, group.evict, 8)
    finally:
        sys.setprofile(None)
    assert group.report()["resident"] == sum(cpu.read(page * PAGE) is not None for page in range(64)) == 60


def test_an_unmap_that_cuts_a_block_tells_where_to_go_on():
    table, block = ptw.PageTable("ept4"), 512 * PAGE
    table.map(0, 64 * PAGE)
    table.map(block, 2 * block, blocks=True)
    cpu = table.cpu()
    cpu.read(3 * PAGE)
    error = raises(ptw.Error, table.unmap, 0, block + PAGE)  # cut by the end: it lies behind
    assert (error.reached, error.at, error.found.entries) == (0, block, 0)
    assert list(table.unmap(error.reached, error.at).pages()) == [3]
    error = raises(ptw.Error, table.unmap, block + PAGE, 2 * block)  # by the start: before
    assert (error.reached, error.at) == (block + PAGE, block)
    error = raises(ptw.Error, table.map, 0, 2 * block)
    assert (error.reached, error.at) == (0, block)


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
