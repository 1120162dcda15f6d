"""The supervisor: one process per runner that spawns every job and outlives a killed runner.

It is run by `python -I -S` with the number of its socket as only argument, and imports nothing but
the standard library. It is single-threaded and a child subreaper (prctl(2)): every process that a
job leaves behind becomes its child, whatever session, group or environment that process gave
itself.

Packets on the socket (SOCK_SEQPACKET) are `marshal` data; those of more than `MAX_PACKET_BYTES` are
put into a memory file whose descriptor travels instead. The runner sends

    ("base", env)                                        the environment that jobs start from
    ("spawn", number, path, argv, changed, removed, cwd, key, keep, stop)
                                         with stdin, stdout and stderr; what is changed in the
                                         base environment, and the names removed from it; stop is
                                         (signal, grace) for the case that the runner is gone, None
                                         for TERM and `GRACE_SECONDS`
    ("lease", seconds)                   end everything after these seconds without another lease,
                                         even if the runner does not go away; None: no lease
    ("end", number, keys, grace)                         end what is left of these jobs
    ("finish", number, grace)                            end all that may be ended, then exit

and gets lists of

    ("started", number, pid, error)      error is an errno, 0 when there is a process
    ("ended", number, status, utime, stime, maxrss, left)    as wait4(2) has it: times in
                                         seconds, maxrss in KiB; left as below
    ("done", number, found, survivors)   what "end" or "finish" found, and what could not be ended

A process that is left is told as (pid, start, command), start in clock ticks since boot. `key`
names the attempt; children carry it in `MISSION_JOB`. End of file on the socket, or any error,
means that the runner is gone: everything is ended, except what was to be kept.
"""

import errno
import marshal
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

Process = tuple[int, int, int, int]
"""Parent, group, session, start."""

Identity = tuple[int, int]
"""Pid and start: with it a pid is unmistakable."""

Stop = tuple[int, float]
"""The first signal, and the seconds between it and KILL."""

Left = tuple[int, int, str]
End = tuple[int, str, int, float, float, int]
"""Pid of the leader, key, and of wait4(2): status, user and system time, peak memory."""

MAX_PACKET_BYTES = 100_000
"""Half of the smallest usual send buffer of a socket (net.core.wmem_default)."""

GRACE_SECONDS = 5.0
"""Between TERM and KILL when the runner is gone."""

KILL_SECONDS = 5.0
"""How long KILL is repeated for the runner before what is left counts as unreachable."""

IGNORED = (
    *(signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE),
    *(signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM),
    *(signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU),
)
"""The supervisor ends when its runner does, never before. Jobs start with the defaults."""

START_DELAY_MS = 2
"""How long a start waits to be told, so that the end of a short process shares its packet."""

PAUSE_SECONDS = 0.02
MAX_COMMAND_BYTES = 200
MAX_DESCRIPTORS = 4

_PR_SET_CHILD_SUBREAPER = 36
_MARK = b"\0MISSION_JOB="
_DEAD = (b"Z", b"X", b"x")


class Supervisor:
    """Jobs by the pid of their leader, and the socket to the runner."""

    def __init__(self, channel: socket.socket) -> None:
        self.channel = channel
        self.jobs: dict[int, str] = {}  # pid of a leader that lives -> key
        self.base: dict[str, str] = {}
        self.numbers: dict[int, int] = {}  # pid of a leader that lives -> number of its "spawn"
        self.ended: dict[int, str] = {}  # pid of a leader that ended and left something -> key
        self.strays: dict[
            Identity, str | None
        ] = {}  # (pid, start) -> key or None, of processes that jobs left
        self.stops: dict[str | None, Stop] = {}  # of jobs that are not to be stopped by TERM
        self.kept: set[str | None] = set()  # keys of jobs whose processes are left on purpose
        self.descents: dict[int, Descent] = {}  # number of an "end" under way -> descent
        self.replies: list[tuple[object, ...]] = []
        self.lease_ends: float | None = None  # by time.monotonic()
        self.cwd = os.getcwd()
        self.reset = [
            number
            for number in signal.valid_signals()
            if number not in (signal.SIGKILL, signal.SIGSTOP) and number < signal.SIGRTMIN
        ]

    def serve(self, woken: int) -> None:
        """Answer the runner until it is gone or has finished."""
        poll = select.poll()
        poll.register(self.channel, select.POLLIN)
        poll.register(woken, select.POLLIN)
        while True:
            ready = dict(poll.poll(self.patience_ms()))
            if woken in ready:
                os.read(woken, 4096)
            self.reap()
            if self.channel.fileno() in ready and not self.receive():
                return
            if self.lease_ends is not None and time.monotonic() >= self.lease_ends:
                self.lease_ends = None
                self.end_all_for_good()
            self.descend()
            if ready and self.has_only_starts():
                continue
            if not self.reply():
                self.end_all_for_good()
                return

    def patience_ms(self) -> float | None:
        """Return how long to wait for something to happen, None for ever."""
        if self.replies:
            return START_DELAY_MS
        if self.descents:
            return PAUSE_SECONDS * 1000
        if self.lease_ends is not None:
            return max(0.0, self.lease_ends - time.monotonic()) * 1000
        return None

    def has_only_starts(self) -> bool:
        """Tell whether all there is to tell is that processes were started."""
        return all(reply[0] == "started" and not reply[3] for reply in self.replies)

    # --- packets ---------------------------------------------------------------------------------

    def receive(self) -> bool:
        """Do what the packets ask that are there; tell whether to go on."""
        for _ in range(64):
            try:
                data, fds = receive_packet(self.channel)
            except BlockingIOError:
                return True
            except OSError:
                data, fds = b"", []
            if not data:
                self.end_all_for_good()
                return False
            try:
                if data == b"memory":
                    with os.fdopen(fds.pop(0), "rb") as file:
                        data = file.read()
                packet = marshal.loads(data)
                if packet[0] == "spawn":
                    self.spawn(fds, *packet[1:])
                elif packet[0] == "base":
                    self.base = packet[1]
                elif packet[0] == "lease":
                    seconds = packet[1]
                    self.lease_ends = None if seconds is None else time.monotonic() + seconds
                elif packet[0] == "end":
                    self.descents[packet[1]] = self.ending(packet[2], packet[3])
                else:
                    result = self.end_all(packet[2])
                    self.descend()
                    self.replies.append(("done", packet[1], *result))
                    self.reply()
                    return False
            finally:
                for fd in fds:
                    os.close(fd)
        return True

    def reply(self) -> bool:
        """Send what there is to tell; False when the runner is gone."""
        while self.replies:
            batch, self.replies = self.replies[:100], self.replies[100:]
            try:
                self.channel.setblocking(True)
                self.channel.send(marshal.dumps(batch))
            except OSError:
                return False
            finally:
                self.channel.setblocking(False)
        return True

    # --- jobs ------------------------------------------------------------------------------------

    def spawn(
        self,
        fds: list[int],
        number: int,
        path: str,
        argv: list[str],
        changed: dict[str, str],
        removed: list[str],
        cwd: str,
        key: str,
        keep: bool,
        stop: Stop | None,
    ) -> None:
        """Start one process in a session of its own."""
        if len(fds) < 3:  # this process had no room for them
            self.replies.append(("started", number, 0, errno.EMFILE))
            return
        env = {**self.base, **changed}
        for name in removed:
            del env[name]
        try:
            if cwd != self.cwd:
                os.chdir(cwd)
                self.cwd = cwd
            pid = os.posix_spawn(
                path,
                argv,
                env,
                file_actions=[(os.POSIX_SPAWN_DUP2, fd, target) for target, fd in enumerate(fds)],
                setsid=True,
                setsigmask=(),
                setsigdef=self.reset,
            )
        except OSError as error:
            self.replies.append(("started", number, 0, error.errno))
            return
        except (ValueError, TypeError):  # text or a name that the system does not take
            self.replies.append(("started", number, 0, errno.EINVAL))
            return
        self.jobs[pid] = key
        self.numbers[pid] = number
        if keep:
            self.kept.add(key)
        if stop is not None:
            self.stops[key] = stop
        self.replies.append(("started", number, pid, 0))

    def reap(self) -> None:
        """Take the ends of children; what jobs that ended left behind is told with their end."""
        ends: list[End] = []
        has_children = True
        while True:
            try:
                pid, status, used = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                has_children = False
                break
            if not pid:
                break
            key = self.jobs.pop(pid, None)
            if key is not None:
                times = used.ru_utime, used.ru_stime, used.ru_maxrss
                ends.append((pid, key, status, *times))
        if not ends:
            return
        left = self.census(ends) if has_children else self.census_of_none()
        for pid, key, *told in ends:
            found = left.get(key, [])
            if found:
                self.ended[pid] = key
            self.replies.append(("ended", self.numbers.pop(pid), *told, found))

    def census(self, ends: list[End]) -> dict[str | None, list[Left]]:
        """Return what jobs have left by key: children that are no leader, and all below them."""
        orphans = [pid for pid in children() if pid not in self.jobs]
        if not orphans:
            return self.census_of_none()
        leaders = self.jobs | self.ended | {end[0]: end[1] for end in ends}
        only = ends[0][1] if len(ends) == 1 and not self.jobs else None
        table = read_processes()
        left: dict[str | None, list[Left]] = {}
        now: dict[Identity, str | None] = {}
        for pid in descendants(orphans, table):
            _parent, group, session, start = table[pid]
            identity = (pid, start)
            known = self.strays.get(identity) or mark_of(pid)
            key = known or leaders.get(session) or leaders.get(group)
            if key is None and identity not in self.strays:
                # One that gave up session, group and environment is that of the only job there
                # was; if it was there before, another job may have left it.
                key = only
            now[identity] = key
            left.setdefault(key, []).append((pid, start, command_of(pid)))
        self.strays = now
        return left

    def census_of_none(self) -> dict[str | None, list[Left]]:
        """Forget what was left: it has ended."""
        self.strays.clear()
        self.ended.clear()
        return {}

    # --- ending ----------------------------------------------------------------------------------

    def ending(self, keys: list[str], grace: float) -> "Descent":
        """Return the descent that ends what jobs of these keys left."""
        wanted: set[str | None] = set(keys)

        def members() -> list[Identity]:
            table = read_processes()
            roots = [pid for pid in children() if pid not in self.jobs]
            leaders = {pid for pid, key in self.ended.items() if key in wanted}
            return [
                (pid, table[pid][3])
                for pid in descendants(roots, table)
                if self.strays.get((pid, table[pid][3])) in wanted
                or mark_of(pid) in wanted
                or table[pid][2] in leaders
            ]

        return Descent(members, lambda _: (signal.SIGTERM, grace), KILL_SECONDS)

    def descend(self) -> None:
        """Go a step down with every "end" under way, and tell of those that are over."""
        for number, descent in list(self.descents.items()):
            if descent.step():
                del self.descents[number]
                self.replies.append(("done", number, *descent.result))

    def end_all(self, grace: float) -> tuple[list[Left], int]:
        """End every process below, except those that are kept.

        Return what was found, and how many could not be ended.
        """
        return self.climb(
            Descent(self.all_to_end(), lambda _: (signal.SIGTERM, grace), KILL_SECONDS)
        )

    def end_all_for_good(self) -> None:
        """End every process below as its step says, except those that are kept.

        KILL is repeated until nothing is left: nobody else could end it any more.
        """
        default = signal.SIGTERM, GRACE_SECONDS
        known = dict(self.jobs)  # those that end meanwhile may leave something

        def stop_of(identity: Identity) -> Stop:
            info = read_process(identity[0])
            key = known.get(identity[0])
            if key is None and info is not None:
                key = self.key_of(identity[0], info) or known.get(info[2])
            return self.stops.get(key, default)

        self.climb(Descent(self.all_to_end(), stop_of, None))

    def all_to_end(self) -> Callable[[], list[Identity]]:
        """Return what finds every process below, except those of ended jobs that are kept."""
        kept = self.kept - set(self.jobs.values())

        def members() -> list[Identity]:
            table = read_processes()
            return [
                (pid, table[pid][3])
                for pid in descendants(children(), table)
                if self.key_of(pid, table[pid]) not in kept
            ]

        return members

    def key_of(self, pid: int, info: Process) -> str | None:
        """Return the key of the job that a process belongs to, None when nothing tells it."""
        if pid in self.jobs:
            return self.jobs[pid]
        known = self.strays.get((pid, info[3]))
        return known or mark_of(pid) or self.jobs.get(info[2]) or self.ended.get(info[2])

    def climb(self, descent: "Descent") -> tuple[list[Left], int]:
        """Go down to the end, and do nothing else meanwhile but reap."""
        self.reap()
        while not descent.step():
            time.sleep(PAUSE_SECONDS)
            self.reap()
        return descent.result


class Descent:
    """A signal and CONT, a grace, then KILL until none of `members()` is left.

    Step by step, so that jobs can be started and reaped while others are being ended. `stop_of`
    gives the signal and the grace of a process. KILL is repeated for `kill_seconds`, None for ever.
    """

    def __init__(
        self,
        members: Callable[[], list[Identity]],
        stop_of: Callable[[Identity], Stop],
        kill_seconds: float | None,
    ) -> None:
        self.members = members
        self.stop_of = stop_of
        self.kill_seconds = kill_seconds
        self.found: dict[Identity, Left] = {}
        self.told: dict[Identity, float] = {}  # -> when its grace ends
        self.survivors = 0

    @property
    def result(self) -> tuple[list[Left], int]:
        """What was found, and how many could not be ended."""
        return list(self.found.values()), self.survivors

    def step(self) -> bool:
        """Look and send signals; tell whether it is over."""
        alive = self.members()
        for identity in alive:
            if identity not in self.found:
                self.found[identity] = (*identity, command_of(identity[0]))
        now = time.monotonic()
        grace_ends = max((self.told.get(identity, now) for identity in alive), default=now)
        if not alive or (self.kill_seconds is not None and now >= grace_ends + self.kill_seconds):
            self.survivors = len(alive)
            return True
        latest = max(self.told.values(), default=None)
        for identity in alive:
            if identity not in self.told:
                number, grace = self.stop_of(identity)
                # What is forked while others are being ended gets no longer grace than they have.
                self.told[identity] = now + grace if latest is None else min(now + grace, latest)
                send(identity[0], number)
                send(identity[0], signal.SIGCONT)  # a stopped process takes no other signal
            if now >= self.told[identity]:
                send(identity[0], signal.SIGKILL)
        return False


def receive_packet(channel: socket.socket) -> tuple[bytes, list[int]]:
    """Return a packet and its descriptors, which no job inherits; no bytes at the end of file.

    `socket.recv_fds` ignores its flags in Python 3.11.
    """
    size = socket.CMSG_SPACE(MAX_DESCRIPTORS * 4)
    data, ancillary, _flags, _address = channel.recvmsg(
        MAX_PACKET_BYTES, size, socket.MSG_CMSG_CLOEXEC
    )
    fds: list[int] = []
    for level, kind, content in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            whole = len(content) - len(content) % 4
            fds += memoryview(content[:whole]).cast("i")
    return data, fds


def children() -> list[int]:
    """Return the pids of our own children, zombies too (proc(5), CONFIG_PROC_CHILDREN)."""
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children", "rb", buffering=0) as file:
            return [int(pid) for pid in file.read().split()]
    except FileNotFoundError:
        return [pid for pid, info in read_processes().items() if info[0] == own]


def read_processes() -> dict[int, Process]:
    """Return {pid: (parent, group, session, start)} of all live processes (proc(5))."""
    found: dict[int, Process] = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (info := read_process(int(name))) is not None:
            found[int(name)] = info
    return found


def read_process(pid: int) -> Process | None:
    """Return (parent, group, session, start) of a process, None for one that has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            text = file.read()
    except OSError:
        return None
    fields = text[text.rfind(b")") + 2 :].split()
    if len(fields) < 20 or fields[0] in _DEAD:
        return None
    parent, group, session = map(int, fields[1:4])
    return parent, group, session, int(fields[19])


def descendants(roots: list[int], table: dict[int, Process]) -> list[int]:
    """Return the live processes among `roots` and below them."""
    below: dict[int, list[int]] = {}
    for pid, info in table.items():
        below.setdefault(info[0], []).append(pid)
    queue, found = list(roots), list[int]()
    while queue:
        pid = queue.pop()
        if pid in table:
            found.append(pid)
        queue += below.get(pid, ())
    return found


def mark_of(pid: int) -> str | None:
    """Return the key of the job in a process's environment, None without one."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            text = b"\0" + file.read()
    except OSError:
        return None
    _, mark, rest = text.partition(_MARK)
    return rest.partition(b"\0")[0].decode("utf-8", "surrogateescape") if mark else None


def command_of(pid: int) -> str:
    """Return the command line of a process, or its name in brackets where that is not short.

    Whole arguments are left out of a long one: a part of a secret would not be masked.
    """
    try:
        with open(f"/proc/{pid}/cmdline", "rb", buffering=0) as file:
            text = file.read(MAX_COMMAND_BYTES + 1)
        if len(text) > MAX_COMMAND_BYTES:
            whole, end, _ = text.rpartition(b"\0")
            text = whole + b" ..." if end else b""
        if not text:
            with open(f"/proc/{pid}/comm", "rb", buffering=0) as file:
                text = b"[" + file.read().strip() + b"]"
    except OSError:
        return "?"
    return text.replace(b"\0", b" ").strip().decode("utf-8", "replace")


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        pass


def main() -> None:
    """Serve the runner at the other end of the descriptor that the command line names."""
    import ctypes  # here, since the runner imports this module for its constants

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        sys.exit("this system knows no child subreaper")
    woken, wake = os.pipe()
    for fd in (woken, wake):
        os.set_blocking(fd, False)
    for number in IGNORED:
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    channel = socket.socket(fileno=int(sys.argv[1]))
    channel.setblocking(False)
    channel.set_inheritable(False)
    supervisor = Supervisor(channel)
    try:
        supervisor.serve(woken)
    except BaseException:  # a bug must not leave what only this process knows
        channel.close()
        supervisor.end_all_for_good()
        raise
