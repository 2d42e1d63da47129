"""The Python side of storages on Ray, beside driver.py: hands messages on to ray_place.ts, on the machine that has the files.

In a run, an actor does, which the driver asks. For a client outside of the cluster, a job does: messages come as packages
that the client uploads, answers are files in the folder of Ray's logs.
"""

import functools
import json
import os
import queue
import struct
import subprocess
import sys
import threading
import time

import ray
from ray import exceptions as errors
from ray.experimental import internal_kv
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import driver

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join("..", "..", "..", "storage", "ray_place.ts")
WATCH_S = 2.0
FASTEST_S = 0.005
SLOWEST_S = 0.1
# What a program says at its end is waited for.
GRACE_S = 1.0
# So long a machine may take to begin with anything.
LONGEST_LOOK_S = 60.0


class Gone(Exception):
    """There is nobody who could answer."""


class Program:
    """A ray_place.ts, and who waits for what it answers."""

    def __init__(self, path):
        self.process = subprocess.Popen(
            [*driver.deno_run(PROGRAM), path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.waiting = {}
        self.latest = 0
        self.lock = threading.Lock()
        self.is_over = False
        threading.Thread(target=self._read, daemon=True).start()

    def ask(self, message):
        answer = queue.SimpleQueue()
        with self.lock:
            if self.is_over:
                raise Gone(self._end())
            self.latest = (self.latest + 1) % 2**32
            self.waiting[self.latest] = answer
            try:
                self.process.stdin.write(struct.pack("<II", self.latest, len(message)))
                self.process.stdin.write(message)
                self.process.stdin.flush()
            except BrokenPipeError:
                # Then the reader sees its end.
                pass
        found = answer.get()
        if found is None:
            raise Gone(self._end())
        return found

    def _read(self):
        stream = self.process.stdout
        while True:
            head = stream.read(8)
            if len(head) < 8:
                break
            number, size = struct.unpack("<II", head)
            answer = stream.read(size)
            if len(answer) < size:
                break
            self.waiting.pop(number).put(answer)
        with self.lock:
            self.is_over = True
            for answer in self.waiting.values():
                answer.put(None)

    def _end(self):
        try:
            code = self.process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            code = "unknown"
        return f"the program there has come to an end (exit code {code})."


class Place:
    """An actor at a place."""

    def __init__(self, path):
        self.path = path
        self.program = None
        self.lock = threading.Lock()

    def ask(self, message):
        """The answer, or why there is none."""
        try:
            with self.lock:
                if self.program is None or self.program.is_over:
                    self.program = Program(self.path)
            return self.program.ask(message)
        except Gone as error:
            return str(error)
        except driver.Setup as error:
            return error.args[0]


class Places:
    """The places that a run uses, each with an actor."""

    def __init__(self, tell):
        self.tell = tell
        self.actors = {}
        # By the host's numbers: the place that each question is for, and Ray's reference to the answer, which must not
        # be let go of before that is here.
        self.asked = {}
        self.is_watching = False
        self.lock = threading.Lock()

    def ask(self, head, parts):
        """Hands a message on; `tell` is called with the answer."""
        place, number = head["place"], head["number"]
        key = json.dumps(place, sort_keys=True)
        with self.lock:
            actor = self.actors.get(key)
            try:
                if actor is None:
                    actor = self.actors[key] = self._start(place)
            except (Gone, ValueError, TypeError) as error:
                self.tell({"ev": "stored", "number": number, "problem": str(error)})
                return
            ref = actor.ask.remote(bytes(parts[0]))
            self.asked[number] = (key, place, actor, ref)
            if not self.is_watching:
                self.is_watching = True
                threading.Thread(target=self._watch, daemon=True).start()
        ref._on_completed(functools.partial(self._complete, number))

    def _start(self, place):
        problem = problem_of(place["options"])
        if problem:
            raise Gone(problem)
        maker = ray.remote(max_concurrency=64, num_cpus=0)(Place)
        return maker.options(**place["options"]).remote(place["path"])

    def _complete(self, number, answer):
        """Called by a thread of Ray's."""
        with self.lock:
            key, _, actor, _ = self.asked.pop(number)
            # Another question may have started another one meanwhile.
            if isinstance(answer, errors.RayActorError) and self.actors.get(key) is actor:
                del self.actors[key]
        if isinstance(answer, bytes):
            self.tell({"ev": "stored", "number": number}, [answer])
        else:
            problem = answer if isinstance(answer, str) else driver.brief(answer)
            self.tell({"ev": "stored", "number": number, "problem": problem, "isGone": True})

    def _watch(self):
        """An actor whose machine is no more is not waited for."""
        while True:
            time.sleep(WATCH_S)
            with self.lock:
                if not self.asked:
                    self.is_watching = False
                    return
                awaited = {key: place for key, place, *_ in self.asked.values()}
                lost = [key for key, place in awaited.items() if problem_of(place["options"])]
                actors = [self.actors.pop(key) for key in lost if key in self.actors]
            for actor in actors:
                ray.kill(actor)


def problem_of(options):
    """Why these options don't lead to a machine; `None` if they do."""
    wanted = {"CPU": options.get("num_cpus"), "GPU": options.get("num_gpus"), "memory": options.get("memory")}
    wanted = {**{name: amount for name, amount in wanted.items() if amount}, **options.get("resources", {})}
    fitting = {
        node["NodeManagerAddress"]
        for node in ray.nodes()
        if node["Alive"] and all(node["Resources"].get(name, 0) >= amount for name, amount in wanted.items())
    }
    if len(fitting) == 1:
        return None
    if fitting:
        return (
            f"several machines of the cluster have {shown(wanted)}: {', '.join(sorted(fitting))}. "
            "Name a resource that only the one with the files has."
        )
    return (
        f"no machine of the cluster has {shown(wanted)} now. Start the one with the files, by "
        "`ray start --address=… --resources=…`, or name a resource that there is."
    )


def shown(amounts):
    return json.dumps(amounts, separators=(",", ":"))


def see(path):
    """Whether a file is on this machine."""
    return os.path.exists(path)


def find_blind(path):
    """The addresses of the machines that don't have a file."""
    asked = {}
    for node in ray.nodes():
        if node["Alive"] and node["NodeID"] != ray.get_runtime_context().get_node_id():
            here = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task = ray.remote(num_cpus=0, scheduling_strategy=here)(see)
            asked[task.remote(path)] = node["NodeManagerAddress"]
    blind = []
    for ref in ray.wait(list(asked), num_returns=len(asked), timeout=LONGEST_LOOK_S)[0] if asked else []:
        try:
            if not ray.get(ref):
                blind.append(asked[ref])
        except errors.RayError:
            # It has gone meanwhile.
            pass
    return sorted(blind)


def logs_folder():
    """The folder of this job's own log: where several Ray nodes share a machine, Ray may name another one's."""
    try:
        log = os.readlink("/proc/self/fd/1")
    except OSError:
        log = ""
    is_log = os.path.basename(log).startswith("job-driver-")
    return os.path.dirname(log) if is_log else ray._private.worker._global_node.get_logs_dir_path()


def read_package(uri):
    """What a client has uploaded under a name, once."""
    found = internal_kv._internal_kv_get(uri)
    if found is not None:
        internal_kv._internal_kv_del(uri)
    return found


def serve(session, path, idle_s):
    """Answers a client's messages until there has been none for some time."""
    program = Program(path)
    folder = logs_folder()
    number, answer, pause, asked = 0, None, FASTEST_S, time.time()
    try:
        while time.time() - asked < idle_s:
            message = read_package(f"gcs://_ray_pkg_{session}{number:08x}.zip".encode())
            if message is None:
                time.sleep(pause)
                pause = min(SLOWEST_S, pause * 1.1)
                continue
            found = program.ask(message)
            if answer:
                os.unlink(answer)
            answer = os.path.join(folder, f"fuse_stored_{session}_{number}.bin")
            with open(answer + ".part", "wb") as file:
                # With its length, as the way to the client may cut it.
                file.write(struct.pack("<Q", len(found)))
                file.write(found)
            os.rename(answer + ".part", answer)
            number, pause, asked = number + 1, FASTEST_S, time.time()
    finally:
        if answer:
            os.unlink(answer)
        program.process.stdin.close()


def main():
    ray.init(log_to_driver=False, logging_level="warning")
    what = json.loads(os.environ["FUSE_RAY_PLACE"])
    try:
        serve(what["session"], what["path"], what["idleSeconds"])
    except (Gone, driver.Setup) as error:
        sys.exit(error.args[0])


if __name__ == "__main__":
    main()
