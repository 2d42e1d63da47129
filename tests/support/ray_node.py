"""Runs one Ray node as long as the process PARENT, which started this one, lives; then ends all that belongs to the node.

    ray_node.py PARENT PID_FILE FOLDER|- PROGRAM ARGUMENT…

SIGTERM ends it as well. What Ray started is killed by its process id, also what outlives its parent or began a session of
its own. Then PID_FILE goes; or FOLDER that it is in, once the other nodes' have gone from there.
"""

import ctypes
import glob
import os
import shutil
import signal
import subprocess
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
POLL_S = 0.2
LONGEST_WAIT_S = 20
IS_LINUX = sys.platform == "linux"


def parents():
    """Every living process, with its parent."""
    if not IS_LINUX:
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True)
        return [tuple(map(int, line.split())) for line in listed.stdout.splitlines()]
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, parent = file.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if state != "Z":
            found.append((int(pid), int(parent)))
    return found


def descendants():
    """The processes below this one, parents before their children."""
    children = {}
    for pid, parent in parents():
        children.setdefault(parent, []).append(pid)
    found, todo = [], [os.getpid()]
    while todo:
        below = children.get(todo.pop(0), [])
        found += below
        todo += below
    return found


def reap(options=os.WNOHANG):
    try:
        while os.waitpid(-1, options)[0]:
            pass
    except ChildProcessError:
        pass


def kill_all():
    # Orphans become children of this process where it is a subreaper; elsewhere, what was below it once is remembered.
    known = set()
    deadline = time.monotonic() + LONGEST_WAIT_S
    while time.monotonic() < deadline:
        below = descendants()
        known.update(below)
        alive = known.intersection(pid for pid, _ in parents()) if not IS_LINUX else below
        if not alive:
            reap(0)
            return
        for pid in alive:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                known.discard(pid)
        time.sleep(0.02)
        reap()


def main():
    parent, pid_file, folder, *command = sys.argv[1:]
    if IS_LINUX:
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    signs = []
    for sign in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(sign, lambda number, _: signs.append(number))
    with open(pid_file, "w") as file:
        file.write(str(os.getpid()))
    node = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    ended_file = pid_file.replace(".pid", ".ended")
    while not signs and os.getppid() == int(parent):
        if node.poll() is not None and not os.path.exists(ended_file):
            with open(ended_file, "w") as file:
                file.write(str(node.returncode))
        reap()
        time.sleep(POLL_S)
    kill_all()
    if folder == "-":
        os.remove(pid_file)
        return
    deadline = time.monotonic() + LONGEST_WAIT_S
    while len(glob.glob(f"{folder}/*.pid")) > 1 and time.monotonic() < deadline:
        time.sleep(POLL_S)
    shutil.rmtree(folder, ignore_errors=True)


main()
