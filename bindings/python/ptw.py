# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""libptw for people who analyse: page tables, harvests as buffers, ages and engines as dictionaries.

    import ptw
    table = ptw.PageTable("ept4")
    table.map(0, 1 << 24)
    cpu = table.cpu()
    cpu.read(0x5000)
    found = table.harvest(0, 1 << 24)
    found.young_pages                                # 1
    list(found.pages())                              # [5]

A bitmap is a bytearray of 64-bit little-endian words, bit i for page i of the range; numpy has its bits by
numpy.unpackbits(numpy.frombuffer(found.young, numpy.uint8), bitorder="little"). What fails raises ptw.Error, whose `code` is
the library's; what a call that ends early had found by then is in its `found`. Objects are for one thread at a time, and keep
alive what they use.
"""
import threading
import time

from _ptw import ffi, lib

AGE_MAX = lib.PTW_AGE_MAX
EVICTED, FAILED, YOUNG = lib.PTW_EVICTED, lib.PTW_EVICT_FAILED, lib.PTW_EVICT_YOUNG
POLICIES = ("generations", "idle-age", "learned")

lib.ptw_thread_register()


class Error(Exception):
    """
    What a call of the library returned. Of map, unmap and harvest also `reached`: what lies before is done, and the same call from
    there on does the rest, once what was in the way is gone; and `at`: where that lies, as the page that map found mapped, or the
    begin of the block that unmap would cut, which may lie before or behind `reached`. Of unmap and harvest also `found`: a Harvest
    of what was cleared or removed by then, which no later call will tell.
    """

    def __init__(self, code, what, reached=None, found=None, at=None):
        super().__init__(f"{what}: {ffi.string(lib.ptw_strerror(code)).decode()}")
        self.code, self.reached, self.found = code, reached, found
        self.at = reached if at is None else at


def _check(code, what):
    if code < 0:
        raise Error(code, what)
    return code


def _sized(kind):
    thing = ffi.new(f"struct {kind} *")
    thing.size = ffi.sizeof(f"struct {kind}")
    return thing


def _words(buffer):
    return ffi.cast("uint64_t *", ffi.from_buffer(buffer, require_writable=True))


class _Patience:
    """
    With entries that another operation owns: about a second without progress, and no limit while there is some. One that is shared
    by several ranges has a second for all of them.
    """

    TRIES, SHORT, PAUSE = 1000, 16, 0.001

    def __init__(self, shared=False):
        self._shared, self._at, self._tries = shared, None, 0

    def lasts(self, code, at):
        """Pauses. Whether to go on at `at`, which a call that returned `code` reached."""
        if at != self._at and not self._shared:
            self._at, self._tries = at, 0
        self._tries += 1
        if code != lib.PTW_ERR_AGAIN or self._tries > self.TRIES:
            return False
        time.sleep(0 if self._tries <= self.SHORT else self.PAUSE)
        return True


def version():
    """Of the library that is loaded."""
    return ffi.string(lib.ptw_version_string()).decode()


def presets():
    """Names that PageTable() takes."""
    names, n = [], 0
    while (name := lib.ptw_preset_name(n)) != ffi.NULL:
        names.append(ffi.string(name).decode())
        n += 1
    return names


def pages_of(bitmap, first=0):
    """Numbers of the pages whose bit is set, `first` being that of bit 0."""
    for at, byte in enumerate(bitmap):
        while byte:
            low = byte & -byte
            yield first + at * 8 + low.bit_length() - 1
            byte ^= low


class Harvest:
    """What a harvest found: bitmaps `young` and `dirty` (None if not asked for), and counts as attributes."""

    COUNTS = ("entries", "young_extents", "young_pages", "dirty_extents", "dirty_pages", "owned", "busy", "sections")

    def __init__(self, first_page, young, dirty, result):
        self.first_page, self.young, self.dirty = first_page, young, dirty
        for name in self.COUNTS:
            setattr(self, name, getattr(result, name))

    def _add(self, result):
        """What else was found: what a change of the table, or another Harvest, counted."""
        for name in self.COUNTS[1:5]:
            setattr(self, name, getattr(self, name) + getattr(result, name))

    def counts(self):
        return {name: getattr(self, name) for name in self.COUNTS}

    def pages(self):
        """Numbers of the young pages."""
        return pages_of(self.young or b"", self.first_page)


class PageTable:
    """A page table of the library's own. Addresses are bytes, multiples of `page_size`."""

    def __init__(self, preset="ept4"):
        config, out, info = _sized("ptw_config"), ffi.new("struct ptw_pgtable **"), _sized("ptw_info")
        _check(lib.ptw_preset(preset.encode(), config), f"preset '{preset}', one of {', '.join(presets())}")
        _check(lib.ptw_pgtable_create(config, out), "create")
        self._table = ffi.gc(out[0], lib.ptw_pgtable_destroy)
        _check(lib.ptw_pgtable_info(self._table, info), "info")
        self._page_lg2, self._mask = info.granule_lg2, (1 << info.ia_bits) - 1
        self.preset, self.page_size = preset, 1 << info.granule_lg2

    def info(self):
        info = _sized("ptw_info")
        _check(lib.ptw_pgtable_info(self._table, info), "info")
        return {"preset": self.preset, "page_size": self.page_size, "levels": info.levels, "tables": info.tables,
                "bytes": info.bytes}

    def map(self, start, end, oa=None, write=True, young=False, blocks=False):
        """Map [start, end) to `oa` on (to itself, if that is None), in pages, or also in blocks."""
        how = _sized("ptw_map")
        how.prot = lib.PTW_PROT_READ | lib.PTW_PROT_USER * self.preset.startswith(("x86-64", "arm64-s1"))
        how.prot |= lib.PTW_PROT_WRITE if write else 0
        how.flags = lib.PTW_LEAF_YOUNG if young else 0
        how.page_levels = 0 if blocks else 1
        oa, at, patience = start if oa is None else oa, start, _Patience()
        while True:
            result = _sized("ptw_change_result")
            result.reached = at & self._mask
            code = lib.ptw_map(self._table, at, end, oa + at - start, how, result)
            if code >= 0:
                return
            lies = self._address(start, result.reached)
            if result.leaves:  # else nothing was done, wherever the error lies
                at = lies
            if not patience.lasts(code, at):
                raise Error(code, "map", at, at=lies)

    def unmap(self, start, end):
        """
        Unmap [start, end); what its pages were is a Harvest, whose `entries` are those written. Where another operation owns an
        entry, it is waited for; if that takes a second, Error tells what was found up to there.
        """
        return self._unmap(start, end, _Patience())

    def _unmap(self, start, end, patience):
        how, at = _sized("ptw_unmap"), start
        found = Harvest((start >> self._page_lg2) & ~63, self._bitmap(start, end), self._bitmap(start, end),
                        _sized("ptw_harvest_result"))
        while True:
            # Bit 0 follows from where a call begins.
            word = (((at >> self._page_lg2) & ~63) - found.first_page) // 64
            how.young, how.dirty = _words(found.young) + word, _words(found.dirty) + word
            result = _sized("ptw_change_result")
            result.reached = at & self._mask
            code = lib.ptw_unmap(self._table, at, end, how, result)
            found.entries += result.leaves
            found._add(result)
            if code >= 0:
                return found
            lies = self._address(start, result.reached)
            if code != lib.PTW_ERR_BLOCK:  # a block that the range cuts lies anywhere, and what is before it may be there still
                at = lies
            if not patience.lasts(code, at):
                raise Error(code, "unmap", at, found, lies)

    def harvest(self, start, end, accessed=True, dirty=False, peek=False, exact=False, into=None):
        """
        Test and clear accessed, dirty or both of [start, end); with `peek` only test. `into`: a buffer of the young bitmap's
        size that is ORed into, instead of a new one.
        """
        how, result = _sized("ptw_harvest"), _sized("ptw_harvest_result")
        how.flags = (lib.PTW_HARVEST_ACCESSED * bool(accessed) | lib.PTW_HARVEST_DIRTY * bool(dirty) |
                     lib.PTW_HARVEST_PEEK * bool(peek) | lib.PTW_HARVEST_EXACT * bool(exact))
        young = (into if into is not None else self._bitmap(start, end)) if accessed else None
        if young is not None and len(young) < 8 * lib.ptw_bitmap_words(start, end, self._page_lg2):
            raise ValueError(f"into has {len(young)} bytes, too few for this range")
        dirt = self._bitmap(start, end) if dirty else None
        how.young = _words(young) if accessed else ffi.NULL
        how.dirty = _words(dirt) if dirty else ffi.NULL
        result.resume = start & self._mask
        code = lib.ptw_harvest(self._table, start, end, how, result)
        found = Harvest((start >> self._page_lg2) & ~63, young, dirt, result)
        if code < 0:
            raise Error(code, "harvest", self._address(start, result.resume), found)
        return found

    def cpu(self, tlb=None):
        """A processor that uses this page table; `tlb`: (sets, ways)."""
        return Cpu(self, tlb)

    def _address(self, start, told):
        """The library tells addresses without their sign; this one has that of `start`."""
        return start + told - (start & self._mask)

    def _bitmap(self, start, end):
        if end <= start:
            raise ValueError(f"an empty range: {start:#x} to {end:#x}")
        return bytearray(8 * lib.ptw_bitmap_words(start, end, self._page_lg2))


class Cpu:
    """
    The hardware's side: translates accesses, and sets accessed and dirty as hardware does. Where software has to (presets without
    hardware's bits), it faults, and the fault is fixed.
    """

    def __init__(self, table, tlb=None):
        config, out = _sized("ptw_softmmu_config"), ffi.new("struct ptw_softmmu **")
        _check(lib.ptw_pgtable_regs(table._table, ffi.addressof(config, "regs")), "registers")
        config.tlb_sets, config.tlb_ways = tlb or (0, 0)
        config.flags = lib.PTW_SOFTMMU_LPA2 if table.preset.endswith("-lpa2") else 0
        size = lib.ptw_softmmu_size(config)
        self._memory = ffi.new("char[]", size + 64)
        start = (int(ffi.cast("uintptr_t", self._memory)) + 63) & ~63
        _check(lib.ptw_softmmu_init(out, ffi.cast("void *", start), size, config), "CPU")
        self._cpu, self._table, self._result = out[0], table, _sized_result()
        user = table.preset.startswith(("x86-64", "arm64-s1"))
        self._user = lib.PTW_ACCESS_USER if user else 0

    def read(self, address):
        """The output address, or None: a fault."""
        return self._access(address, lib.PTW_ACCESS_READ)

    def write(self, address):
        return self._access(address, lib.PTW_ACCESS_WRITE)

    def forget(self, start=0, end=(1 << 64) - 1):
        """Invalidate what the TLB has of [start, end)."""
        lib.ptw_softmmu_tlb_invalidate(self._cpu, start, end)

    def _access(self, address, how):
        for _ in range(2):
            if lib.ptw_softmmu_access(self._cpu, address, how | self._user, self._result) == 0:
                return self._result.oa
            if lib.ptw_fix_fault(self._table._table, address, how | self._user) < 0:
                break
        return None


def _sized_result():
    return ffi.new("struct ptw_softmmu_result *")


class Ages:
    """How many epochs ago each page was seen young, AGE_MAX meaning that or more."""

    def __init__(self, pages):
        self._bytes, self._age = ffi.new("uint8_t[]", pages), ffi.new("struct ptw_age *")
        _check(lib.ptw_age_init(self._age, self._bytes, pages), "ages")

    def advance(self):
        """An epoch passes. Then harvest and mark."""
        lib.ptw_age_advance(self._age)

    def mark(self, bitmap, first_page=0):
        """Pages of the bitmap are young."""
        lib.ptw_age_mark_bitmap(self._age, first_page, _words(bitmap), len(bitmap) // 8)

    def histogram(self):
        """Pages by age: a list of AGE_MAX + 1 numbers."""
        counts = ffi.new("uint64_t[]", AGE_MAX + 1)
        lib.ptw_age_histogram(self._age, ffi.NULL, counts)
        return list(counts)

    def working_set(self, epochs):
        """Pages that were used in so many of the last epochs."""
        return sum(self.histogram()[:epochs])


class _Calls(threading.local):
    """Of this thread, as callbacks run in the thread that made the call: whose they are, the last call's at the end."""

    def __init__(self):
        self.present = []


class _Callbacks:
    """
    What those of an engine share: its clock, and the exception that one of them raised in the present call of the
    library. The others do nothing from then on, so that the call ends.
    """

    running = _Calls()

    def __init__(self, clock):
        self.clock, self.now, self.failed = clock, 0, None

    def call(self, function, *arguments):
        """A call of the library that may run callbacks. It raises what they raised, and only that."""
        outer, self.failed = self.failed, None
        self.running.present.append(self)
        try:
            code = function(*arguments)
        finally:
            self.running.present.pop()
            failed, self.failed = self.failed, outer
        if failed is not None:
            raise failed
        return code


class Engine:
    """Which pages were unused for longest. Pages have numbers below `pages`; a group takes a run of them."""

    def __init__(self, pages, policy="generations", clock=None):
        if policy not in POLICIES:
            raise ValueError(f"there is no policy '{policy}'; there are {', '.join(POLICIES)}")
        config, out = _sized("ptw_engine_config"), ffi.new("struct ptw_engine **")
        config.pages = pages
        config.policy = lib.policy_of(POLICIES.index(policy))
        self._callbacks = _Callbacks(clock)
        self._call = self._callbacks.call
        if clock:
            self._handle = ffi.new_handle(self._callbacks)
            config.clock, config.context = lib.ptw_py_clock, self._handle
        _check(self._call(lib.ptw_engine_create, config, out), "engine")
        self._engine, self._groups = ffi.gc(out[0], lib.ptw_engine_destroy), []
        self.policy = policy

    def group(self, first, pages, table=None, harvest=None, evict=None, look=None):
        """
        A group of the pages [first, first + pages). With a `table`, page `first` is that page table's page 0: it is harvested, and
        evicted pages are unmapped; what was in their entries then is in Group.removed(). Or functions do that:
        harvest(first, pages) gives pairs (page, word of 64 young pages from that page on, a multiple of 64); evict(list of
        pages) gives None (all are gone) or a list of EVICTED, FAILED and YOUNG, or yields them one by one: what was told
        before an exception holds; look(page) gives True if it was young, and clears that.
        """
        group = Group(self, first, pages, table, harvest, evict, look)
        self._groups.append(group)
        return group

    def add(self, page):
        """A fault: the page is resident, and young."""
        _check(self._call(lib.ptw_page_add, self._engine, page), f"add page {page}")

    def remove(self, page):
        _check(self._call(lib.ptw_page_remove, self._engine, page), f"remove page {page}")

    def check(self):
        """Raises Error if what the engine counts does not add up."""
        _check(self._call(lib.ptw_engine_check, self._engine), "check")


class Group:
    """Made by Engine.group()."""

    def __init__(self, engine, first, pages, table, harvest, evict, look):
        config, out = _sized("ptw_group_config"), ffi.new("struct ptw_group **")
        if first % 64:
            raise ValueError(f"a group begins at a multiple of 64, not at {first}")
        self._engine, self._first, self._pages, self._table = engine, first, pages, table
        self._harvest = harvest or (self._harvest_table if table else None)
        self._evict = evict or (self._evict_table if table else None)
        self._look = look or (self._look_table if table else None)
        self._callbacks, self._call = engine._callbacks, engine._call
        self._removed = None
        self._handle = ffi.new_handle(self)
        config.context = self._handle
        if self._harvest:
            config.ops.harvest = lib.ptw_py_harvest
        if self._evict:
            config.ops.evict = lib.ptw_py_evict
        if self._look:
            config.ops.look = lib.ptw_py_look
        try:
            _check(self._call(lib.ptw_group_create, engine._engine, config, out), "group")
            _check(self._call(lib.ptw_group_attach, out[0], first, pages), "attach pages")
        except BaseException:
            if out[0] != ffi.NULL:  # a clock may have raised what it did, and the group is there
                self._call(lib.ptw_group_destroy, out[0])
            raise
        self._group = out[0]

    def age(self):
        """Harvest, and begin a generation. False: somebody else is at it."""
        code = self._call(lib.ptw_group_age, self._group)
        return code != lib.PTW_ERR_AGAIN and _check(code, "age") == 0

    def wants_ageing(self):
        return bool(self._call(lib.ptw_group_wants_ageing, self._group))

    def evict(self, want):
        """
        Put out the coldest pages; how many went. Of a group with a table, those stay whose entries another operation owns: for each
        64 pages that go at a time, it is waited a second for.
        """
        gone = ffi.new("uint64_t *")
        _check(self._call(lib.ptw_group_evict, self._group, want, gone), "evict")
        return gone[0]

    def removed(self):
        """
        Of a group with a table: what was in the entries of the pages that were evicted since the last call of this, a Harvest by the
        engine's page numbers. Its `young` pages were used between the last look and the unmap: they went all the same, so the engine
        was not told, and it is the last word of them; its `dirty` ones were written, since nobody harvested that.
        """
        removed, self._removed = self._removed or self._none_removed(), None
        return removed

    def report(self):
        """All that the engine counts: sizes by generation, the youngest first, and pages by age in ticks."""
        state, ages = _sized("ptw_group_state"), ffi.new("uint64_t[256]")
        _check(self._call(lib.ptw_group_state, self._group, state), "state")
        names = ("resident", "isolated", "youngest", "oldest", "ticks", "faults", "refaults", "evicted", "failed", "looks",
                 "looked", "around", "agings", "words", "aged")
        report = {name: getattr(state, name) for name in names}
        report["generations"] = [{"sequence": s, "pages": state.pages[s % 4], "birth_ms": state.birth[s % 4]}
                                 for s in range(state.youngest, state.oldest - 1, -1)]
        if self._call(lib.ptw_group_ages, self._group, ages) == 0:
            report["ages"] = list(ages)
        return report

    def _harvest_table(self, first, pages):
        size = self._table.page_size
        start = (first - self._first) * size
        failed = None
        try:
            found = self._table.harvest(start, start + pages * size)
        except Error as error:  # what it had cleared by then, nobody else will find
            failed, found = error, error.found
        for at, word in enumerate(ffi.cast("uint64_t *", ffi.from_buffer(found.young))[0:len(found.young) // 8]):
            if word:
                yield self._first + found.first_page + 64 * at, word
        if failed:
            raise failed

    def _look_table(self, page):
        start = (page - self._first) * self._table.page_size
        return self._table.harvest(start, start + self._table.page_size).young_pages != 0

    def _evict_table(self, pages):
        patience = _Patience(shared=True)
        for page in pages:
            start = (page - self._first) * self._table.page_size
            try:
                found, gone = self._table._unmap(start, start + self._table.page_size, patience), True
            except Error as error:
                found, gone = error.found, error.found.entries != 0
            self._remove(page - self._first, found)
            yield EVICTED if gone else FAILED

    def _none_removed(self):
        size = (self._pages + 63) // 64 * 8 if self._table else 0
        return Harvest(self._first, bytearray(size), bytearray(size), _sized("ptw_harvest_result"))

    def _remove(self, page, found):
        self._removed = self._removed or self._none_removed()
        for bitmap, pages in ((self._removed.young, found.young_pages), (self._removed.dirty, found.dirty_pages)):
            if pages:
                bitmap[page // 8] |= 1 << page % 8
        self._removed.entries += found.entries
        self._removed._add(found)


# Callbacks. An exception ends the call of the library, and is raised again by who made that.

def _keep(_, error, trace):
    """Also one from before a callback's first line: a signal that came during a long call of the library."""
    callbacks = _Callbacks.running.present[-1]
    if callbacks.failed is None:
        callbacks.failed = error


def _stand_still(*raised):
    """A clock has no way to say that it failed, so time stands still until the call is over."""
    _keep(*raised)
    return _Callbacks.running.present[-1].now


def _callback(function):
    def guarded(context, *arguments):
        group = ffi.from_handle(context)
        return lib.PTW_ERR_AGAIN if group._callbacks.failed is not None else function(group, *arguments) or 0
    return ffi.def_extern(name="ptw_py" + function.__name__, error=lib.PTW_ERR_AGAIN, onerror=_keep)(guarded)


@_callback
def _harvest(group, first, pages, word, sink):
    for page, young in group._harvest(first, pages):
        code = lib.word_given(word, sink, page, young)
        if code:
            return code
    return 0


@_callback
def _look(group, page, around):
    around[0] = 0
    return 1 if group._look(page) else 0


@_callback
def _evict(group, page, n, result):
    said = group._evict(list(page[0:n]))
    said = [EVICTED] * n if said is None else said
    told = len(said) if hasattr(said, "__len__") else n
    if told == n:
        told = 0
        for what in said:
            if told < n:
                result[told] = what
            told += 1
            if told > n:
                break
    if told != n:
        raise ValueError(f"evict() was asked to put out {n} pages, and told of {told}")
    return 0


@ffi.def_extern(error=0, onerror=_stand_still)
def ptw_py_clock(context):
    callbacks = ffi.from_handle(context)
    if callbacks.failed is None:
        now = int(callbacks.clock())
        if not 0 <= now < 1 << 64:
            raise OverflowError(f"a clock says milliseconds from 0 to 2^64 - 1, not {now}")
        callbacks.now = now
    return callbacks.now
