"""Ray's object store as memory: where parts of values lie in it, and values that are written right into it."""

import ctypes
import itertools
import os
import pickle
import struct

import ray

# How parts are aligned in files that are shared: as Ray does it.
ALIGNED_BYTES = 64
# Of a landing that is stored by Ray itself: then that has to be in the object store, not in the task's reply.
ANCHOR_BYTES = 1 << 17
MARK_BYTES = 16


def align(size):
    return -(-size // ALIGNED_BYTES) * ALIGNED_BYTES


def lay_out(sizes, start=0):
    """Where parts of these sizes lie one behind the other, and where the last one ends."""
    return list(itertools.accumulate(map(align, sizes.values()), initial=start))


class Value:
    """A node's value in the object store: its pieces, which readers get without a copy."""

    def __init__(self, *parts):
        self.parts = parts

    def __reduce_ex__(self, protocol):
        return Value, tuple(pickle.PickleBuffer(part) for part in self.parts)


class Landing:
    """A value whose large parts come right into the object store, behind what Ray would write there.

    Ray finds it there when it stores what the task returns. If it is gone by then, Ray writes this: a value that is lost.
    """

    def __init__(self, parts, sizes):
        self.parts = [bytes(part) for part in parts]
        # Of the large ones, by their places among the parts.
        self.sizes = sizes
        self.mark = os.urandom(MARK_BYTES)
        self.error = None
        self.is_whole = False

    def __reduce_ex__(self, protocol):
        anchor = pickle.PickleBuffer(self.mark + bytes(ANCHOR_BYTES))
        return land, (anchor, self.mark, self.parts, self.sizes)

    def store(self, place, owner, copy):
        """Whether the object store has it now, as what the task that runs returns at a place.

        `copy` is told the memory and where each large part goes in it.
        """
        worker = ray._private.worker.global_worker
        task = bytes.fromhex(ray.get_runtime_context().get_task_id())
        written = worker.get_serialization_context().serialize(self)
        put = getattr(worker.core_worker, "put_file_like_object", None)
        if not put or not hasattr(written, "to_bytes"):
            # These are no public part of Ray's.
            return False
        self.head, self.copy = bytearray(written.to_bytes()), copy
        *offsets, end = lay_out(self.sizes, align(len(self.head)))
        self.offsets = dict(zip(self.sizes, offsets))
        self.anchor = self.head.rindex(self.mark)
        if self.anchor % ALIGNED_BYTES:
            return False
        put(written.metadata, end, self, ray.ObjectRef(task + struct.pack("<I", place), owner, "", True), owner)
        if self.error:
            raise self.error
        return self.is_whole

    def readinto(self, view):
        """Called by Ray with the memory that it has for it: it is told where the parts are once they are there."""
        try:
            self.copy(view, self.offsets)
            struct.pack_into("<Q", self.head, self.anchor + MARK_BYTES, align(len(self.head)) - self.anchor)
            self.is_whole = True
        except BaseException as error:
            # What was begun has to be ended, or Ray would wait for that.
            self.error = error
        view[: len(self.head)] = self.head
        return len(view)


def land(anchor, mark, parts, sizes):
    """The value of a landing, as it is read: nothing if it is not there."""
    found, start = struct.unpack_from(f"<{MARK_BYTES}sQ", anchor)
    if found != mark or not start:
        return None
    for place, offset in zip(sizes, lay_out(sizes, start)):
        parts[place] = (ctypes.c_ubyte * sizes[place]).from_address(address_of(anchor) + offset)
        # It keeps the memory.
        parts[place].anchor = anchor
    return Value(*parts)


class Buffer(ctypes.Structure):
    """The beginning of CPython's Py_buffer."""

    _fields_ = [("address", ctypes.c_void_p), ("object", ctypes.py_object), ("rest", ctypes.c_byte * 256)]


def address_of(part):
    found = Buffer()
    ctypes.pythonapi.PyObject_GetBuffer(ctypes.py_object(part), ctypes.byref(found), 0)
    address = found.address
    ctypes.pythonapi.PyBuffer_Release(ctypes.byref(found))
    return address


class Store:
    """The files of the object store that this process has mapped, where the child may map them too."""

    def __init__(self):
        self.files = {}

    def find(self, part):
        """The file that a part of a value lies in, and where; `None` if that can't be known."""
        address = address_of(part)
        with open("/proc/self/maps") as lines:
            for line in lines:
                span, _, offset, device, inode, *_ = line.split()
                start, end = (int(place, 16) for place in span.split("-"))
                if start <= address and address + len(part) <= end and inode != "0":
                    file = self._open((device, inode))
                    return file and (file, int(offset, 16) + address - start)

    def _open(self, key):
        """Its file has no name any more, but Ray's node has it open."""
        if key not in self.files:
            try:
                self.files[key] = next(self._search(*key), None)
            except OSError:
                # It belongs to somebody else.
                self.files[key] = None
        return self.files[key]

    def _search(self, device, inode):
        major, minor = (int(number, 16) for number in device.split(":"))
        wanted = (os.makedev(major, minor), int(inode))
        for process in ("self", os.getppid()):
            for name in os.listdir(f"/proc/{process}/fd"):
                path = f"/proc/{process}/fd/{name}"
                try:
                    status = os.stat(path)
                    if (status.st_dev, status.st_ino) == wanted:
                        yield os.open(path, os.O_RDONLY)
                except OSError:
                    continue


