"""Who may run the engines and where: root, ordinary users, directories that let nobody through."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from telemetra.adapters.embedded import EngineBinaries
from tests.integration.embedded.clients import execute, ping, value
from tests.integration.embedded.owners import end_of, owner, refusal

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can run the engines as another user")
as_linux_root = pytest.mark.skipif(
    os.geteuid() != 0 or not sys.platform.startswith("linux") or shutil.which("setpriv") is None,
    reason="root, Linux's capabilities and setpriv are needed",
)

# The interpreter itself may lie under root's home: the stand-in for an ordinary user may pass through, as the
# real one could.
ORDINARY_USER = (
    *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
    *(
        "--inh-caps=-all,+dac_read_search",
        "--ambient-caps=+dac_read_search",
        "--bounding-set=-all,+dac_read_search",
    ),
)
ROOT_IN_A_CONTAINER = ("setpriv", "--bounding-set=-dac_read_search")
ROOT_WITHOUT_RIGHTS = ("setpriv", "--bounding-set=-dac_read_search,-dac_override")
_FORBID_TO_HAND_ON = """
import ctypes, os, sys
PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE = 28, 1 << 6
assert ctypes.CDLL(None).prctl(PR_SET_SECUREBITS, SECBIT_NO_CAP_AMBIENT_RAISE, 0, 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"""
ROOT_THAT_HANDS_NOTHING_ON = (sys.executable, "-c", _FORBID_TO_HAND_ON)


@pytest.fixture
def open_place() -> Iterator[Path]:
    """A place that everybody may pass through; pytest's own is for one user only."""
    with tempfile.TemporaryDirectory(prefix="telemetra-test-") as directory:
        place = Path(directory)
        place.chmod(0o755)
        yield place


@pytest.fixture
def closed_place(open_place: Path) -> Path:
    """A place that only its owner may pass through, like root's home."""
    place = open_place / "home"
    place.mkdir(mode=0o700)
    return place


@pytest.fixture
def programs_in_closed_place(closed_place: Path) -> EngineBinaries:
    """The packaged programs where only root can reach them, as in a checkout below root's home."""
    packaged = EngineBinaries.packaged()
    assert packaged.postgres_bin
    assert packaged.redis_server
    package = packaged.postgres_bin.parents[1]
    for part in (package, package.with_name(f"{package.name}.libs")):
        shutil.copytree(part, closed_place / part.name, symlinks=True)
    shutil.copy(packaged.redis_server, closed_place / "valkey-server")
    return EngineBinaries(
        postgres_bin=closed_place / packaged.postgres_bin.relative_to(package.parent),
        redis_server=closed_place / "valkey-server",
    )


def looks(*paths: Path) -> list[tuple[int, int, int]]:
    return [(stat.S_IMODE(path.stat().st_mode), path.stat().st_uid, path.stat().st_gid) for path in paths]


@as_linux_root
@pytest.mark.parametrize("prefix", [(), ROOT_IN_A_CONTAINER], ids=["all-rights", "rights-of-a-container"])
async def test_root_runs_programs_and_data_that_only_root_can_reach(
    closed_place: Path, programs_in_closed_place: EngineBinaries, prefix: Sequence[str]
) -> None:
    above = [closed_place, closed_place.parent, closed_place.parent.parent]
    before = looks(*above)
    data_dir = closed_place / "telemetra" / "data"
    for _ in range(2):
        async with owner(data_dir, programs_in_closed_place, prefix) as first:
            await execute(first.running.postgres, "create table if not exists kept (answer int)")
            assert await ping(first.running.redis)
            engines = first.descendants()
            users = {Path(f"/proc/{pid}").stat().st_uid for pid, _ in engines}
            assert 0 not in users
            await first.kill()
            await end_of(engines)
    assert looks(*above) == before


@as_linux_root
async def test_root_that_can_not_let_its_engines_through_says_what_to_do(
    closed_place: Path, binaries: EngineBinaries
) -> None:
    said = await refusal(closed_place / "data", binaries, ROOT_THAT_HANDS_NOTHING_ON)
    assert re.fullmatch(
        r"EngineFailed: initdb: the user \d+, .* can't reach .*: start Telemetra as an ordinary user.*", said
    )


@as_linux_root
async def test_root_without_roots_rights_says_what_is_denied(
    open_place: Path, binaries: EngineBinaries
) -> None:
    said = await refusal(open_place / "data", binaries, ROOT_WITHOUT_RIGHTS)
    assert re.fullmatch(r"EngineFailed: can't keep the engines' data in .*: .*Permission denied .*", said)


@as_root
async def test_root_gives_its_engines_no_rights_that_they_do_not_need(
    open_place: Path, binaries: EngineBinaries
) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("rights are listed in Linux's /proc")
    programs = [binaries.postgres_program("postgres"), binaries.redis_program()]
    nobody = pwd.getpwnam("nobody").pw_uid
    reachable = all(
        directory.stat().st_mode & stat.S_IXOTH for path in programs for directory in path.resolve().parents
    )
    async with owner(open_place / "data", binaries) as first:
        for pid, _ in first.descendants():
            status = dict(
                line.split(":\t", 1)
                for line in Path(f"/proc/{pid}/status").read_text().splitlines()
                if ":\t" in line
            )
            assert set(status["Uid"].split()) == {str(nobody)}
            assert status["Groups"].split() == []
            if reachable:
                assert {status[name] for name in ("CapPrm", "CapEff", "CapInh", "CapAmb")} == {"0" * 16}


@as_linux_root
async def test_an_ordinary_user_runs_the_engines_as_itself(
    open_place: Path, binaries: EngineBinaries
) -> None:
    home = open_place / "user"
    home.mkdir(mode=0o700)
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    async with owner(home / "data", binaries, ORDINARY_USER) as first:
        await execute(first.running.postgres, "create table kept as select 42 as answer")
        assert {Path(f"/proc/{pid}").stat().st_uid for pid, _ in first.descendants()} == {nobody.pw_uid}
    async with owner(home / "data", binaries, ORDINARY_USER) as second:
        assert await value(second.running.postgres, "select answer from kept") == 42


@as_linux_root
async def test_root_goes_on_with_a_users_data_as_that_user(
    open_place: Path, binaries: EngineBinaries
) -> None:
    home = open_place / "user"
    home.mkdir(mode=0o755)
    nobody = pwd.getpwnam("nobody")
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    async with owner(home / "data", binaries, ORDINARY_USER) as first:
        await execute(first.running.postgres, "create table kept as select 42 as answer")
    async with owner(home / "data", binaries) as second:
        assert await value(second.running.postgres, "select answer from kept") == 42
    async with owner(home / "data", binaries, ORDINARY_USER) as third:
        assert await value(third.running.postgres, "select answer from kept") == 42


@as_linux_root
async def test_a_directory_that_can_not_be_written_is_named_in_one_line(
    open_place: Path, binaries: EngineBinaries
) -> None:
    said = await refusal(open_place / "data", binaries, ORDINARY_USER)
    data_dir = open_place / "data"
    assert said == f"EngineFailed: can't keep the engines' data in {data_dir}: Permission denied ({data_dir})"
