"""The Python side of a run on Ray: the job's driver, and what Ray's workers do with tasks and actors.

The driver starts host.ts, which decides what runs when, and does with Ray what it says. A worker process keeps a node.ts,
which runs the nodes. Both speak in frames, whose table is in wire.ts; values are bytes here.
"""

import collections
import functools
import io
import itertools
import json
import os
import pickle
import queue
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import zipfile

try:
    import ray
except ImportError:
    sys.exit(
        f"The cluster's `python` ({sys.executable}) has no Ray: start Ray with the folder of its own programs first in PATH."
    )
from ray import exceptions as errors
from ray._private.ray_logging import global_worker_stdstream_dispatcher
from ray.experimental import internal_kv

from object_store import Landing, Store, Value

HERE = os.path.dirname(os.path.abspath(__file__))
CLUSTER = os.path.join(HERE, "functionfuse", "backends", "ray", "cluster")
# How lines of workers begin that are meant for the host.
MARK = "\x1eFUSE "
TELL_AFTER_S = 0.3
GRACE_S = 1.0
MOST_LINES = 20
# How long frames for the host wait for others after some have been written, for each task that is under way: the more
# there are, the less anybody waits for one of them.
CROWD_S = 0.00005
LONGEST_CROWD_S = 0.02
# A pipe holds no more, and to have memory that is not used costs more than the rest of a small task.
READ_BYTES = 1 << 16
# Parts from this size on are shared with the child where that is possible.
SHARED_BYTES = 1 << 20
# How long what was shared is kept for the next task.
IDLE_S = 1.0


write_json = json.JSONEncoder(separators=(",", ":")).encode


def encode(head, parts=()):
    """The bytes of a frame."""
    text = write_json({**head, "parts": [len(part) for part in parts]}).encode()
    body = sum(len(part) for part in parts)
    return b"".join([struct.pack("<II", 4 + len(text) + body, len(text)), text, *parts])


def decode(frame):
    """Head and parts of a frame; the parts are views of it."""
    size = 8 + struct.unpack_from("<I", frame, 4)[0]
    head = json.loads(frame[8:size].decode())
    parts, view = [], memoryview(frame)
    for length in head["parts"]:
        parts.append(view[size : size + length])
        size += length
    return head, parts


def find_deno():
    """The path of Deno on this machine."""
    named = os.environ.get("FUSE_DENO")
    if named:
        found = shutil.which(named)
        if not found:
            raise Setup(f'FUSE_DENO is "{named}", and there is no such program on {this_machine()}.')
        return found
    found = shutil.which("deno")
    if found:
        return found
    try:
        import deno

        return deno.find_deno_bin()
    except (ImportError, FileNotFoundError):
        raise Setup(
            f"There is no Deno on {this_machine()}: install it there, name it in the environment variable FUSE_DENO, "
            'or let Ray bring it by the setting deno: "pip".'
        ) from None


def deno_run(program):
    """The command that runs one of the programs beside this one; what follows are its arguments."""
    flags = ["--allow-all", "--quiet", "--no-prompt", "--config", os.path.join(HERE, "deno.json")]
    return [find_deno(), "run", *flags, os.path.join(CLUSTER, program), HERE]


def read(file):
    """What there is to be read now; nothing at the end."""
    try:
        return os.read(file, READ_BYTES)
    except BlockingIOError:
        return b""


def this_machine():
    return ray.util.get_node_ip_address()


class Setup(Exception):
    """A worker can't run nodes at all."""


class Died(Exception):
    """The child has come to an end."""


class Expired(Exception):
    """A task has taken too long."""


# In Ray's workers


class Child:
    """A node.ts, and what it has loaded."""

    def __init__(self):
        from_us, self.to_child = os.pipe()
        self.from_child, to_us = os.pipe()
        # What it waits for once it has told of large parts: what is to become of each.
        orders, self.orders = os.pipe()
        files = [str(file) for file in (from_us, to_us, orders)]
        self.process = subprocess.Popen(
            [*deno_run("node.ts"), *files, str(os.getpid()), json.dumps(where())],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[from_us, to_us, orders],
        )
        for file in (from_us, to_us, orders):
            os.close(file)
        self.output = self.process.stdout.fileno()
        self.devices = os.environ.get("CUDA_VISIBLE_DEVICES")
        self.state = "starting"
        self.load = None
        self.is_busy = False
        self.is_over = False
        self.is_sharing = False
        # Parts of values that the child has mapped: they stay where they are for as long.
        self.pins = {}
        # Whose the values are of what it runs, to Ray; those that it has copied into the object store.
        self.owner = None
        self.landings = {}
        # What was thrown and not caught, if that ends it, as node.ts wrote it.
        self.thrown = []
        self.lines = collections.deque(maxlen=MOST_LINES)
        # What was said and not told yet: of a quick task it goes with its report, as Ray's logs are slow and soon over.
        self.said = []
        self.unsent = collections.deque()
        self.received = bytearray()
        self.poller = select.poll()
        self.poller.register(self.to_child, 0)
        for file in (self.to_child, self.from_child, self.output):
            os.set_blocking(file, False)
            if file != self.to_child:
                self.poller.register(file, select.POLLIN)

    def send(self, head, parts=()):
        self.unsent.append(memoryview(encode(head, parts)))
        self._write()
        if self.unsent:
            self.poller.modify(self.to_child, select.POLLOUT)

    def receive(self, wait_s):
        """The frames that have come within the time; raises `Died` once there can be no more."""
        frames, is_over = [], False
        events = self.poller.poll(wait_s * 1000)
        for file, _ in events:
            if file == self.to_child:
                self._write()
                if not self.unsent:
                    self.poller.modify(file, 0)
            elif file == self.output:
                self._read_output()
            else:
                data = read(file)
                is_over = not data
                self.received += data
                frames = [decode(frame) for frame in self._whole_frames()]
        for head, parts in frames:
            self._note(head, parts)
        if is_over or (not events and self.process.poll() is not None):
            self.kill()
            raise Died()
        return frames

    def _write(self):
        try:
            while self.unsent:
                chunk = self.unsent.popleft()
                written = os.write(self.to_child, chunk)
                if written < len(chunk):
                    self.unsent.appendleft(chunk[written:])
        except BlockingIOError:
            self.unsent.appendleft(chunk)
        except BrokenPipeError:
            self.unsent.clear()

    def _whole_frames(self):
        while len(self.received) >= 4:
            size = 4 + struct.unpack_from("<I", self.received)[0]
            if len(self.received) < size:
                return
            if len(self.received) == size:
                frame, self.received = self.received, bytearray()
            else:
                frame, self.received = self.received[:size], self.received[size:]
            yield frame

    def _note(self, head, parts):
        if head["did"] == "log":
            self.said.append((head["node"], head["text"]))
        elif head["did"] == "dying":
            self.thrown = parts
        elif head["did"] == "ready":
            self.state, self.is_sharing = "ready", head["isSharing"]
        elif head["did"] == "freed":
            for pin in head["pins"]:
                self.pins.pop(pin, None)
        elif head["did"] == "loaded":
            self.state = "loaded"

    def _read_output(self):
        text = read(self.output).decode(errors="replace").rstrip("\n")
        if text:
            self.lines.extend(text.split("\n"))
            self.said.append((-1, text))

    def take_said(self):
        """What was said and not told yet, for the host."""
        said, self.said = self.said, []
        return [{"ev": "log", "node": node, "text": text} for node, text in said]

    def prepare(self, load):
        """Has it look up what a load says, unless it has."""
        self.owner = load.owner
        while self.state == "starting":
            self.receive(TELL_AFTER_S)
        if self.load != load.number:
            self.state, self.load = "loading", load.number
            self.send({"do": "load"}, load.parts)
        while self.state == "loading":
            self.receive(TELL_AFTER_S)

    def run(self, task, head, parts):
        """Has calls run; gives the frame that tells of them. Raises `Died`, `Expired` or `KeyboardInterrupt`."""
        is_told, started, begun = False, time.time(), time.monotonic()
        limit_s = task.get("timeoutMs", float("inf")) / 1000
        while True:
            passed = time.monotonic() - begun
            if passed >= limit_s:
                raise Expired(f"It took longer than {task['timeoutMs']} ms.")
            if task["task"] in cancelled:
                raise KeyboardInterrupt
            if not self.is_busy:
                self.is_busy = True
                self.send(*self._share(head, parts))
            if passed >= TELL_AFTER_S:
                if not is_told:
                    is_told = True
                    tell({"ev": "started", "task": task["task"], "at": round(started * 1000)})
                for event in self.take_said():
                    tell(event)
            # A KeyboardInterrupt of Ray waits until this one wakes up.
            for frame in self.receive(min(TELL_AFTER_S, limit_s - passed)):
                if frame[0]["did"] == "unmappable":
                    self.is_sharing = self.is_busy = False
                    self.pins.clear()
                elif frame[0]["did"] in ("report", "unknown"):
                    self.is_busy = False
                    return self._fetch(*frame)

    def _share(self, head, parts):
        """What is to be sent where large parts are mapped by the child."""
        maps, sent = [], list(parts)
        for at, part in enumerate(parts):
            found = self.is_sharing and len(part) >= SHARED_BYTES and store.find(part)
            if found:
                pin = next(numbers)
                self.pins[pin] = part
                maps.append([at, *found, len(part), pin])
                sent[at] = b""
        return {**head, "maps": maps}, sent

    def _fetch(self, head, parts):
        """A report with its large parts, except for those of values that are in the object store now."""
        self.landings, sizes, at = {}, dict(head.get("large", ())), 1
        # Until it has been told of all of them it does nothing else.
        self.is_busy = bool(sizes)
        for number, count in enumerate(head["values"] if sizes else ()):
            own = {part - at: sizes[part] for part in range(at, at + count) if part in sizes}
            landing = Landing(parts[at : at + count], own)
            if own and landing.store(number + 2, self.owner, functools.partial(self._land, at)):
                self.landings[number] = landing
            else:
                for part in own:
                    parts[at + part] = self._order(at + part)
            at += count
        self._end_orders(sizes)
        return head, parts

    def _land(self, first, view, offsets):
        """Has parts copied to where they are to be in memory of the object store."""
        file, start = store.find(view) or (None, 0)
        size = os.fstat(file).st_size if file else 0
        for part, at in offsets.items():
            place = {"file": file, "bytes": size, "offset": start + at} if file else None
            found = self._order(first + part, place)
            view[at : at + len(found)] = found

    def _order(self, part, place=None):
        """A part of its report; nothing if it has copied it to a place."""
        self._tell({"part": part, "to": place})
        while True:
            for head, parts in self.receive(TELL_AFTER_S):
                if head["did"] == "handed":
                    return parts[0]

    def _end_orders(self, large):
        if large:
            self._tell(None)
        self.is_busy = False

    def _tell(self, order):
        try:
            os.write(self.orders, write_json(order).encode())
        except BrokenPipeError:
            # Its end is noticed when it is listened to.
            pass

    def abort(self, name, text):
        """What runs is to come to an end: by itself if it listens, else with the child."""
        deadline = time.monotonic() + GRACE_S
        try:
            if self.is_busy:
                self.send({"do": "abort", "name": name, "text": text})
            while self.is_busy and time.monotonic() < deadline:
                for head, _ in self.receive(max(0, deadline - time.monotonic())):
                    if head["did"] == "report":
                        self._end_orders(head["large"])
        except Died:
            return
        # What was said while it got ready may have been missed: it would be waited for for ever.
        if self.is_busy or self.state != "loaded":
            self.kill()

    def kill(self):
        if self.is_over:
            return
        self.is_over = True
        self.process.kill()
        self.process.wait()
        self._read_output()
        self.process.stdout.close()
        for file in (self.to_child, self.from_child, self.orders):
            os.close(file)

    def end(self):
        """How it ended, for the frame that tells of that."""
        code = self.process.returncode
        return {"exitCode": code} if code >= 0 else {"signal": signal.Signals(-code).name}


# Of this worker process.
child = None
store = Store()
numbers = itertools.count()
# Held while a task runs, or while what it has left is tidied up.
in_use = threading.Lock()
# Calls of an actor that are to come to an end.
cancelled = set()


class Load:
    """What a child is to look up."""

    def __init__(self, number, *parts):
        self.number = number
        self.owner = ray.put(None).owner_address()
        self.parts = [bytes(part) for part in parts]


def lives():
    """Whether this process has a child that can run something."""
    return child is not None and not child.is_over and child.process.poll() is None


def warm_child(load):
    """The child of this process, ready to run what a load has."""
    global child
    if lives() and (child.is_busy or child.devices != os.environ.get("CUDA_VISIBLE_DEVICES")):
        child.kill()
    if not lives():
        if child:
            child.kill()
        child = Child()
    try:
        child.prepare(load)
    except Died:
        text = f"Deno came to an end on {this_machine()} before it could run anything."
        raise Setup(text, list(child.lines)) from None
    return child


def run_here(load, frame, values, keeps=()):
    """What a task does, in a worker: gives the frames for the host, and the values of the task's `returns`."""
    with in_use:
        report, *made = run_task(load, frame, values, keeps)
        if child and not child.is_over and child.pins:
            timer = threading.Timer(IDLE_S, tidy_up)
            timer.daemon = True
            timer.start()
        if not child or not child.said:
            return [report, *made]
        said = [encode({**event, "where": where()}) for event in child.take_said()]
        return [b"".join([*said, report]), *made]


def tidy_up():
    """What nobody needs any more of what was shared is let go of, unless more follows: then that sees to it."""
    if not in_use.acquire(blocking=False):
        return
    try:
        if lives():
            child.receive(0)
    except Died:
        # The next task starts another one.
        pass
    finally:
        in_use.release()


def keep(pieces):
    """A value as it is kept in the object store."""
    return bytes(pieces[0]) if len(pieces) == 1 and len(pieces[0]) < SHARED_BYTES else Value(*pieces)


def run_task(load, frame, values, keeps):
    """The frame that tells what became of a task, and the values of its `returns`."""
    task, parts = decode(frame)
    none = [None] * len(task["returns"])
    failed = functools.partial(fail, task, where=where())
    lost = [node for node, value in zip(task["reads"], values) if value is None]
    if lost:
        return [failed("lost", "What it reads could not be made again.", lost=lost), *none]
    pieces = [value.parts if isinstance(value, Value) else (value,) for value in values]
    head = {
        "do": "run",
        "task": task["task"],
        "payload": len(parts),
        "reads": [[node, len(part)] for node, part in zip(task["reads"], pieces)],
        "returns": task["returns"],
        "keeps": keeps,
    }
    try:
        node = warm_child(load)
        head, parts = node.run(task, head, [*parts, *(part for piece in pieces for part in piece)])
    except Setup as error:
        text, lines = (*error.args, [])[:2]
        return [failed("setup", text, lines=lines), *none]
    except Died:
        end = {**child.end(), "lines": list(child.lines)}
        text = "The process that ran it came to an end."
        return [failed("died", text, child.thrown, lost=list(keeps), **end), *none]
    except Expired as error:
        child.abort("TimeoutError", str(error))
        return [failed("timeout", str(error)), *none]
    except KeyboardInterrupt:
        child.abort("AbortError", "The run is over.")
        return [failed("cancelled", "It was stopped."), *none]
    if head["did"] == "unknown":
        return [failed("code", head["text"]), *none]
    made, at = [], 1
    for count in head["values"]:
        piece = parts[at : at + count]
        at += count
        made.append(None if count == 0 else node.landings.pop(len(made), None) or keep(piece))
    return [bytes(parts[0]), *made]


def fail(task, kind, text, parts=(), **more):
    """The frame that says that a task brought no report."""
    head = {"ev": "failed", "task": task["task"], "kind": kind, "text": text, "lines": [], "lost": []}
    return encode({**head, **more}, parts)


@functools.cache
def where():
    context = ray.get_runtime_context()
    return {"node": context.get_node_id(), "ip": this_machine(), "pid": os.getpid()}


def tell(event):
    """Has the driver hear of something at once, by way of Ray's logs."""
    print(MARK + json.dumps({**event, "where": where()}), flush=True)


def make_task(load):
    """The remote function of the tasks of a load: Ray hands the load to each worker once."""

    def node(frame, *values):
        return one_or_all(run_here(load, frame, values))

    return ray.remote(node)


def one_or_all(results):
    return results[0] if len(results) == 1 else results


class Instance:
    """An actor: a worker process with an instance in its child."""

    def __init__(self, load, node):
        self.load = load
        self.node = node
        self.is_made = False

    def run(self, frame, *values):
        if self.is_made and not lives():
            task, _ = decode(frame)
            gone = fail(task, "lost", "The process that had its instance came to an end.", lost=[self.node])
            return one_or_all([gone, *[None] * len(task["returns"])])
        self.is_made = True
        return one_or_all(run_here(self.load, frame, values, [self.node]))

    def cancel(self, task):
        cancelled.add(task)


# In the driver


class Driver:
    """Does with Ray what the host says."""

    def __init__(self, host):
        self.host = host
        self.to_host = queue.SimpleQueue()
        # By the host's numbers: nodes' values, tasks under way, actors, and what makes tasks of loads.
        self.refs = {}
        self.tasks = {}
        # Where tasks run that have been running for a while.
        self.places = {}
        self.actors = {}
        self.loads = {}
        self.makers = {}
        threading.Thread(target=self._write, daemon=True).start()

    def _write(self):
        """Frames go out at once, but in a crowd several together."""
        try:
            while True:
                chunks = [self.to_host.get()]
                while not self.to_host.empty():
                    chunks.append(self.to_host.get())
                self.host.stdin.write(b"".join(chunks))
                self.host.stdin.flush()
                time.sleep(min(LONGEST_CROWD_S, CROWD_S * len(self.tasks)))
        except (BrokenPipeError, ValueError):
            # The host is gone.
            pass

    def tell(self, head, parts=()):
        self.to_host.put(encode(head, parts))

    def serve(self):
        """Until the host says `stop`, or is gone."""
        stream = self.host.stdout
        while True:
            start = stream.read(4)
            if len(start) < 4:
                return
            frame = start + stream.read(struct.unpack("<I", start)[0])
            head, parts = decode(frame)
            if head["op"] == "stop":
                return
            try:
                getattr(self, "do_" + head["op"])(head, parts, frame)
            except errors.RayError as error:
                # Such as a full object store: what Ray can't do for one is not to end all.
                self._refuse(head, error)

    def _refuse(self, head, error):
        print(f"Ray refuses {head['op']}: {brief(error)}", file=sys.stderr, flush=True)
        if "task" in head:
            self.to_host.put(fail(head, "refused", brief(error)))
        elif head["op"] == "get":
            self.tell({"ev": "lost", "nodes": [head["node"]], "text": brief(error)})

    def stop(self):
        """What is still under way comes to an end, or is left to Ray."""
        for head, report in list(self.tasks.values()):
            self._cancel(head, report)
        deadline = time.monotonic() + 2 * GRACE_S
        while self.tasks and time.monotonic() < deadline:
            time.sleep(0.05)
        for actor in list(self.actors):
            self.do_dropActor({"actor": actor}, [], b"")

    def do_hello(self, head, parts, frame):
        nodes = [describe(node) for node in ray.nodes()]
        self.tell({"ev": "cluster", "ray": ray.__version__, "nodes": nodes, "free": ray.available_resources()})

    def do_load(self, head, parts, frame):
        load = Load(head["load"], *parts)
        self.loads[load.number] = load
        self.makers[load.number] = make_task(load)

    def do_task(self, head, parts, frame):
        maker = self.makers[head["load"]]
        self._submit(head, frame, maker._remote, **head["options"], name=head["name"])

    def do_actor(self, head, parts, frame):
        # Its class has the name that Ray shows; names of nodes may hold anything.
        made = type(head["name"].replace("\0", " "), (Instance,), {})
        maker = ray.remote(concurrency_groups={"cancel": 1})(made)
        try:
            actor = maker._remote([self.loads[head["load"]], head["actor"]], max_restarts=0, **head["options"])
        except (ValueError, TypeError) as error:
            self.to_host.put(fail(head, "refused", str(error)))
            return
        self.actors[head["actor"]] = actor
        self.do_call(head, parts, frame)

    def do_call(self, head, parts, frame):
        actor = self.actors.get(head["actor"])
        if actor is None:
            self.to_host.put(fail(head, "lost", "Its instance is gone.", lost=[head["actor"]]))
        else:
            self._submit(head, frame, actor.run._remote, name=head["name"])

    def _submit(self, head, frame, remote, **options):
        lost = [node for node in head["reads"] if node not in self.refs]
        if lost:
            self.to_host.put(fail(head, "lost", "What it reads is gone.", lost=lost))
            return
        values = [self.refs[node] for node in head["reads"]]
        try:
            refs = remote([frame, *values], num_returns=1 + len(head["returns"]), **options)
        except (ValueError, TypeError) as error:
            self.to_host.put(fail(head, "refused", str(error)))
            return
        report, *made = refs if head["returns"] else [refs]
        self.refs.update(zip(head["returns"], made))
        self.tasks[head["task"]] = (head, report)
        report._on_completed(functools.partial(self._complete, head))

    def _complete(self, head, result):
        """Called by a thread of Ray's."""
        self.tasks.pop(head["task"], None)
        place = self.places.pop(head["task"], None)
        if not isinstance(result, bytes):
            result = self._explain(head, result, {"where": place} if place else {})
        self.to_host.put(result)

    def _explain(self, head, error, more):
        """The frame that tells of what Ray itself says of a task."""
        cause = getattr(error, "cause", None)
        if isinstance(error, errors.RayTaskError) and isinstance(cause, errors.RayError):
            error = cause
        kind = next((kind for kind, classes in KINDS.items() if isinstance(error, classes)), "died")
        if kind == "lost":
            found = getattr(error, "object_ref_hex", None)
            reads = [node for node in head["reads"] if node in self.refs]
            more["lost"] = [node for node in reads if self.refs[node].hex() == found] or head["reads"]
        elif kind == "died" and "actor" in head:
            more = {**find_place(error), **more, "lost": [head["actor"]]}
        return fail(head, kind, brief(error), **more)

    def do_put(self, head, parts, frame):
        self.refs[head["node"]] = ray.put(Value(*parts))

    def do_get(self, head, parts, frame):
        node = head["node"]
        ref = self.refs.get(node)

        # It holds the reference: what is dropped meanwhile would be gone before it has come.
        def give(value, ref=ref):
            parts = value.parts if isinstance(value, Value) else [value]
            try:
                self.tell({"ev": "value", "node": node}, parts)
            except (TypeError, struct.error):
                # It is an error, or larger than a frame.
                self.tell({"ev": "lost", "nodes": [node], "text": str(value)})

        if ref:
            ref._on_completed(give)
        else:
            give("It is gone.")

    def do_drop(self, head, parts, frame):
        for node in head["nodes"]:
            self.refs.pop(node, None)

    def do_dropActor(self, head, parts, frame):
        actor = self.actors.pop(head["actor"], None)
        if actor:
            ray.kill(actor)

    @functools.cached_property
    def storages(self):
        import place

        return place.Places(self.tell)

    def do_store(self, head, parts, frame):
        self.storages.ask(head, parts)

    def do_see(self, head, parts, frame):
        import place

        def look():
            self.tell({"ev": "seen", "path": head["path"], "blind": place.find_blind(head["path"])})

        threading.Thread(target=look, daemon=True).start()

    def do_cancel(self, head, parts, frame):
        self._cancel(*self.tasks.get(head["task"], (None, None)))

    def _cancel(self, head, report):
        if not head:
            return
        actor = self.actors.get(head.get("actor"))
        if actor:
            actor.cancel.options(concurrency_group="cancel").remote(head["task"])
        else:
            ray.cancel(report, force=False)


# What errors of Ray mean; all others mean that something died.
KINDS = {
    "cancelled": errors.TaskCancelledError,
    "lost": errors.ObjectLostError,
    "setup": (errors.RuntimeEnvSetupError, ImportError),
    "refused": (errors.TaskUnschedulableError, errors.ActorUnschedulableError),
}


def brief(error):
    """What an error of Ray says, without tables and advice."""
    lines = [line.strip() for line in str(error).splitlines()]
    words = " ".join(line for line in lines if line and not re.match(r"(\w+): ", line))
    return words.split(" There are some potential root causes")[0][:600] or type(error).__name__


def find_place(error):
    """Where an actor ran, if Ray says so of one that died."""
    ip, pid = (re.search(rf"^\s*{key}: (\S+)$", str(error), re.MULTILINE) for key in ("ip", "pid"))
    return {"where": {"node": "", "ip": ip[1], "pid": int(pid[1])}} if ip and pid else {}


def describe(node):
    return {
        "id": node["NodeID"],
        "address": node["NodeManagerAddress"],
        "alive": node["Alive"],
        "resources": node["Resources"],
        "labels": node.get("Labels", {}),
    }


def pass_logs(driver, data):
    """What workers print: events and words for the host."""
    for line in data["lines"]:
        if MARK in line:
            try:
                event = json.loads(line[line.index(MARK) + len(MARK) :])
            except ValueError:
                # Its worker came to an end while it wrote.
                continue
            if event["ev"] == "started" and event["task"] in driver.tasks:
                driver.places[event["task"]] = event["where"]
            driver.tell(event)
        elif data["pid"] != "autoscaler":
            place = {"node": "", "ip": data["ip"] or "", "pid": data["pid"] or 0}
            driver.tell({"ev": "log", "node": -1, "text": line, "where": place})


def read_run():
    """The description of the run, which the client has uploaded as a package."""
    uri = os.environ.get("FUSE_RAY_RUN")
    if not uri:
        return b""
    package = internal_kv._internal_kv_get(uri.encode())
    if package is None:
        raise Setup(f"The run's description {uri} is not in the cluster any more: start the run again.")
    with zipfile.ZipFile(io.BytesIO(package)) as archive:
        return archive.read("run.bin")


def main():
    ray.init(log_to_driver=True, logging_level="warning")
    program = sys.argv[1] if len(sys.argv) > 1 else "host.ts"
    try:
        run = read_run()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "bufsize": READ_BYTES}
        host = subprocess.Popen(deno_run(program), **pipes)
    except Setup as error:
        sys.exit(error.args[0])
    # The host decides what it means.
    signal.signal(signal.SIGTERM, lambda *_: host.terminate())
    driver = Driver(host)
    global_worker_stdstream_dispatcher.remove_handler("ray_print_logs")
    global_worker_stdstream_dispatcher.add_handler("fuse", functools.partial(pass_logs, driver))
    context = ray.get_runtime_context()
    folder = ray._private.worker._global_node.get_logs_dir_path()
    driver.tell({"ev": "run", "folder": folder, "node": context.get_node_id(), "job": context.get_job_id()}, [run])
    driver.serve()
    driver.stop()
    try:
        host.stdin.close()
    except BrokenPipeError:
        # It has ended before it was told all.
        pass
    code = host.wait()
    sys.exit(code if code >= 0 else f"The run's own process was ended by {signal.Signals(-code).name}.")


if __name__ == "__main__":
    # As a module of this name: workers import it, and find its functions by reference.
    import driver

    driver.main()
