"""
The process between an owner and one engine: it starts the engine, and stops it whatever becomes of the owner.

Run by path (`python -I -S keeper.py ORDER`, see `kept.py`), in a session of its own, on the standard library
alone, with one thread. It refuses to know what it runs: the order says the command, the user and how to stop.

Why a process: no operating system tells a SIGKILLed parent to stop its children, so somebody has to stay who
sees the end of a pipe. Where that somebody is itself killed, Linux signals the engine (PR_SET_PDEATHSIG; it
fires for the *thread* that forked and is cleared by a change of user, so it is set here: one thread, after the
change, before exec). Elsewhere the engine then outlives its keeper, but holds the directory's engine lock, so
the next start waits for it and says so, rather than start a second engine on the same files.

stdin: `r` the engine answers, so restart it should it end by itself; `s` or the end: stop it.
stdout: one JSON object a line: started (pid), ended (code), failed (reason). stderr: the log, the engine's too.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from typing import Any

LINUX = sys.platform.startswith("linux")
TICK_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 5.0
STABLE_SECONDS = 60.0
LOG_LIMIT_BYTES = 8_000_000
LOG_KEPT_BYTES = 500_000

PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_GET_SECUREBITS = 27
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 1 << 2
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2
CAP_VERSION_3 = 0x20080522
CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2
CAP_SETPCAP = 8


class CannotRun(Exception):
    """The engine can't be started this way; the message is for the operator."""


class Keeper:
    """Runs one engine until the owner asks for its end, or is gone."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._owner = order["owner"]
        self._answers = False
        self._asked_to_stop = False
        self._woken, wake = os.pipe()
        for end in (self._woken, wake):
            os.set_blocking(end, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signum, self._ask_to_stop)

    def run(self) -> None:
        """Start the engine, and again when it ends after it has answered once; return when it is to stay stopped."""
        pause = 0.1
        while True:
            started = time.monotonic()
            engine = self._start()
            say(event="started", pid=engine.pid)
            while engine.poll() is None and not self._asked_to_stop:
                self._wait(TICK_SECONDS)
                shorten_log()
            if self._asked_to_stop:
                self._stop(engine)
            if self._asked_to_stop or not self._answers:
                say(event="ended", code=engine.returncode)
                return
            pause = (
                0.1 if time.monotonic() - started > STABLE_SECONDS else min(2 * pause, LONGEST_PAUSE_SECONDS)
            )
            self._wait_out(pause)
            if self._asked_to_stop:
                return

    def _start(self) -> subprocess.Popen[bytes]:
        """Start it in a session of its own: Ctrl-C at a terminal is the owner's, not the engine's."""
        keeper = os.getpid()
        libc = ctypes.CDLL(None) if LINUX else None

        def tie_to_keeper() -> None:
            if libc is not None:
                libc.prctl(PR_SET_PDEATHSIG, self._order["stop"][0][0], 0, 0, 0)
                if os.getppid() != keeper:  # it died before the tie
                    os._exit(1)

        command = self._order["command"]
        try:
            return subprocess.Popen(  # noqa: S603  the owner's own command line
                command,
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),
                stderr=sys.stderr.fileno(),
                start_new_session=True,
                pass_fds=self._order["locks"],
                preexec_fn=tie_to_keeper,  # noqa: PLW1509  this process has one thread
            )
        except OSError as error:
            raise CannotRun(f"can't run {command[0]}: {error.strerror}") from None

    def _stop(self, engine: subprocess.Popen[bytes]) -> None:
        """Ask as the order says, each signal for its time, and end it by force when none helped."""
        for signum, seconds in [*self._order["stop"], (signal.SIGKILL, 10.0)]:
            if engine.poll() is not None:
                return
            if signum == signal.SIGKILL:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(engine.pid, signum)
            engine.send_signal(signum)
            deadline = time.monotonic() + seconds
            while engine.poll() is None and time.monotonic() < deadline:
                select.select([self._woken], [], [], min(0.2, seconds))
                self._drain()

    def _wait_out(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._asked_to_stop and (left := deadline - time.monotonic()) > 0:
            self._wait(left)

    def _wait(self, seconds: float) -> None:
        """Sleep until a signal, a word from the owner or the time has come."""
        readable, _, _ = select.select([0, self._woken], [], [], seconds)
        if 0 in readable:
            words = os.read(0, 64)
            self._answers |= b"r" in words
            self._asked_to_stop |= not words or b"s" in words
        self._drain()
        # A forked copy of the owner would hold the pipe open after the owner's end.
        self._asked_to_stop |= os.getppid() != self._owner

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 64)

    def _ask_to_stop(self, *_: object) -> None:
        self._asked_to_stop = True


def say(**event: object) -> None:
    """Tell the owner; when it is gone there is nobody to tell."""
    with contextlib.suppress(OSError):
        os.write(1, json.dumps(event).encode() + b"\n")


def shorten_log() -> None:
    """Keep the newest part of a log that has grown too long (both ends append, so cutting in place is safe)."""
    size = os.fstat(2).st_size
    if size > LOG_LIMIT_BYTES:
        newest = os.pread(2, LOG_KEPT_BYTES, size - LOG_KEPT_BYTES)
        os.ftruncate(2, 0)
        os.write(2, newest)


def become(user: int, group: int, reach: list[str]) -> None:
    """
    Go on as an unprivileged user who can reach the paths, for PostgreSQL refuses to run as root.

    A directory above them that lets only root in (a checkout under /root) stays as it is: the user keeps root's
    right to read and pass through, and nothing else of root's. Containers often lack that right but have the wider
    one to write as well, which then serves: their root is the only user anyway.

    Raises:
        CannotRun: this root may not change its user, or not hand on that right.

    """
    libc = ctypes.CDLL(None, use_errno=True)
    if LINUX:
        libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    try:
        os.setgroups([])
        os.setgid(group)
        os.setuid(user)
    except OSError as error:
        raise CannotRun(
            f"root can't become the user {user} here ({error.strerror}): start Telemetra as an ordinary user"
        ) from None
    out_of_reach = next((path for path in reach if not os.access(path, os.R_OK | os.X_OK)), None)
    if out_of_reach is None:
        limit_to(libc, 0)
    elif not any(pass_on(libc, right) for right in (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE)):
        raise CannotRun(
            f"the user {user}, whom root runs the engines as, can't reach {out_of_reach}: "
            "start Telemetra as an ordinary user, or move it below a directory that others may pass through"
        )


def pass_on(libc: ctypes.CDLL, capability: int) -> bool:
    """
    Keep this capability, across exec too, and give up all others; return whether it could be kept.

    access(2) ignores the capabilities of users other than root unless a secure bit says that they count, and
    PostgreSQL asks it whether its own programs are there.
    """
    if not LINUX:
        return False
    bits = libc.prctl(PR_GET_SECUREBITS, 0, 0, 0, 0) | SECBIT_NO_SETUID_FIXUP
    return (
        limit_to(libc, 1 << capability, 1 << CAP_SETPCAP)
        and not libc.prctl(PR_SET_SECUREBITS, bits, 0, 0, 0)
        and not libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0)
        and limit_to(libc, 1 << capability)
    )


def limit_to(libc: ctypes.CDLL, kept: int, used: int = 0) -> bool:
    """Give up all capabilities but those to be kept, across exec too, and those used up to then."""
    if not LINUX:
        return True
    header = (ctypes.c_uint32 * 2)(CAP_VERSION_3, 0)
    both = kept | used
    sets = (ctypes.c_uint32 * 6)(
        both, both, kept, 0, 0, 0
    )  # effective, permitted, inheritable; the upper halves
    return not libc.capset(header, sets)


def main() -> None:
    """Carry out the order in the first argument."""
    order = json.loads(sys.argv[1])
    keeper = Keeper(order)
    try:
        if order["user"] is not None:
            become(order["user"], order["group"], order["reach"])
        keeper.run()
    except CannotRun as error:
        say(event="failed", reason=str(error))


if __name__ == "__main__":
    main()
