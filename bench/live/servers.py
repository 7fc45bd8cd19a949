"""The servers that are compared, as processes of their own on the servers' core: started, and ended whatever happens."""

from __future__ import annotations

import json
import os
import select
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bench.live.cores import on_core, server_core
from bench.live.message import STREAM
from bench.live.publishing import Address, ControlPublisher, HttpPublisher, Publisher
from bench.live.serving import HOST

NCHAN_MODULE: Final = Path("/usr/lib/nginx/modules/ngx_nchan_module.so")
NCHAN_INSTALL: Final = "apt-get install nginx libnginx-mod-nchan"
_START_SECONDS: Final = 30.0
_END_SECONDS: Final = 10.0
_ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One that runs. `pid` is the process that writes to the sockets."""

    name: str
    pid: int
    address: Address
    path: str
    opening_messages: int
    """What a listener gets before anything is published."""
    publisher: Publisher | None = None
    """None where it is a database that tells the server what is new."""


@contextmanager
def telemetra_server() -> Iterator[Server]:
    """Run the service over the benchmark's feed."""
    with _python_server("server_telemetra") as (pid, address, control):
        yield Server(
            name="telemetra",
            pid=pid,
            address=address,
            path=f"/ws/live/{STREAM}",
            opening_messages=2,
            publisher=ControlPublisher(control),
        )


@contextmanager
def plain_server(payload: str) -> Iterator[Server]:
    """Run the bare fan-out."""
    with _python_server("server_plain", payload) as (pid, address, control):
        yield Server(
            name="plain uvloop",
            pid=pid,
            address=address,
            path="/",
            opening_messages=0,
            publisher=ControlPublisher(control),
        )


@contextmanager
def naive_server(payload: str, *, standard: bool = False) -> Iterator[Server]:
    """Run the loop over `send_json`: Litestar's, or, with `standard`, what others do with the standard library."""
    with _python_server("server_naive", payload, *["standard"] * standard) as (pid, address, control):
        yield Server(
            name="naive, json.dumps" if standard else "naive",
            pid=pid,
            address=address,
            path="/",
            opening_messages=0,
            publisher=ControlPublisher(control),
        )


def find_nginx() -> str | None:
    """Return nginx, if it and its module nchan are installed."""
    return (
        shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
        if NCHAN_MODULE.is_file()
        else None
    )


@contextmanager
def nchan_server(payload: str, *, listeners: int) -> Iterator[Server]:
    """Run nginx with nchan in one worker process; `find_nginx` must have found it."""
    nginx = find_nginx()
    if nginx is None:
        raise FileNotFoundError(f"nchan is not installed: {NCHAN_INSTALL}")
    port = _free_port()
    with tempfile.TemporaryDirectory(prefix="telemetra-bench-nchan-") as directory:
        configuration = Path(directory) / "nginx.conf"
        configuration.write_text(_NCHAN % _nchan_values(directory, port, listeners))
        log = Path(directory) / "error.log"
        command = [nginx, "-c", str(configuration), "-p", directory, "-e", str(log)]
        with _running(command, log) as process:
            address = (HOST, port)
            _await_port(address, process, log)
            yield Server(
                name="nchan",
                pid=_only_child(process.pid),
                address=address,
                path="/sub",
                opening_messages=0,
                publisher=HttpPublisher(address, "/pub", payload),
            )


_NCHAN: Final = """\
load_module %(module)s;
%(user)s
worker_processes 1;
worker_rlimit_nofile %(files)d;
daemon off;
pid %(directory)s/nginx.pid;
error_log %(directory)s/error.log warn;
events { worker_connections %(connections)d; }
http {
    access_log off;
    tcp_nodelay on;
    keepalive_requests 100000000;
    keepalive_timeout 1h;
    client_body_temp_path %(directory)s/body;
    client_body_buffer_size 128k;
    nchan_shared_memory_size 256M;
    server {
        listen %(host)s:%(port)d backlog=2048;
        location = /sub {
            nchan_subscriber websocket;
            nchan_channel_id bench;
            nchan_subscriber_first_message newest;
        }
        location = /pub {
            nchan_publisher http;
            nchan_channel_id bench;
            nchan_message_buffer_length 10;
            nchan_message_timeout 1m;
        }
    }
}
"""


def _nchan_values(directory: str, port: int, listeners: int) -> dict[str, object]:
    return {
        "module": NCHAN_MODULE,
        "user": "user root;" if os.geteuid() == 0 else "",
        "files": listeners + 500,
        "connections": 2 * listeners + 500,
        "directory": directory,
        "host": HOST,
        "port": port,
    }


@contextmanager
def _python_server(module: str, *arguments: str) -> Iterator[tuple[int, Address, Address]]:
    with tempfile.NamedTemporaryFile(prefix=f"telemetra-bench-{module}-", suffix=".log") as log:
        command = [sys.executable, "-m", f"bench.live.{module}", *arguments]
        with _running(command, Path(log.name)) as process:
            assert process.stdout is not None  # noqa: S101  (it is a pipe: for mypy)
            ports = json.loads(_first_line(process.stdout, Path(log.name)))
            yield process.pid, (HOST, ports["port"]), (HOST, ports["control"])


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program on the servers' core; it is gone after the block."""
    with log.open("ab") as errors, on_core(server_core()):
        process = subprocess.Popen(  # noqa: S603  (the commands are this module's)
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, cwd=_ROOT
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


def _first_line(pipe: IO[bytes], log: Path) -> bytes:
    ready, _, _ = select.select([pipe], [], [], _START_SECONDS)
    line = pipe.readline() if ready else b""
    if not line:
        raise RuntimeError(f"the server did not start:\n{log.read_text()[-2000:]}")
    return line


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _await_port(address: Address, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the worker answers, if only with 404: nginx does not tell when it does."""
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(address, timeout=_START_SECONDS) as probe:
                probe.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if probe.recv(1):
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nginx did not start:\n{log.read_text()[-2000:]}")


def _only_child(pid: int) -> int:
    """Return the worker of an nginx master."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])
