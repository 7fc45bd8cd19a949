"""Rates, tickets and the file of tokens, each by itself."""

from __future__ import annotations

import asyncio
import os
import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from telemetra.adapters.tokens import TokenFile, TokensUnreadable, examine_tokens
from telemetra.domain.access import digest_of, make_token
from telemetra.domain.errors import CredentialInvalid
from telemetra.domain.findings import Status
from telemetra.entrypoints.access.rates import Rates
from telemetra.entrypoints.access.tickets import TICKET_SECONDS, Tickets
from telemetra.entrypoints.cli import main
from telemetra.entrypoints.clients import client_of

PATIENCE_SECONDS = 10.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


# --- Rates ------------------------------------------------------------------------------------------------------------


def test_a_client_may_ask_all_at_once_and_then_as_time_goes_by() -> None:
    clock = Clock()
    rates = Rates(60, clock=clock)
    assert [rates.take("a").is_over for _ in range(61)] == [False] * 60 + [True]
    assert rates.take("a").wait_seconds == 1
    assert not rates.take("b").is_over
    clock.now += 1
    assert [rates.take("a").is_over for _ in range(2)] == [False, True]
    clock.now += 60
    assert [rates.take("a").is_over for _ in range(61)] == [False] * 60 + [True]


def test_what_is_left_is_told_truly() -> None:
    clock = Clock()
    rates = Rates(7, clock=clock)
    for left in range(6, -1, -1):
        rate = rates.take("a")
        assert (rate.left, rate.is_over) == (left, False)
    refused = rates.take("a")
    assert refused.is_over
    clock.now += refused.wait_seconds
    assert not rates.take("a").is_over


def test_endless_clients_take_no_endless_room() -> None:
    rates = Rates(1, clock=Clock())
    for number in range(250_000):
        rates.take(str(number))
    assert len(rates._full_at) <= 100_000
    assert rates.take("249999").is_over


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::"),
        ("not:an:address", ""),
        ("x" * 10_000, ""),
        ("", ""),
    ],
)
def test_a_client_is_an_address_or_its_network(address: str, client: str) -> None:
    assert client_of(address) == client


# --- Tickets ----------------------------------------------------------------------------------------------------------


def tickets(clock: Callable[[], float], key: bytes = b"k" * 32) -> Tickets:
    return Tickets(lambda: key, clock)


def test_a_ticket_names_its_token_until_it_is_over() -> None:
    clock = Clock()
    ticket, over_at = tickets(clock).make(digest_of("token"))
    assert over_at == clock.now + TICKET_SECONDS
    clock.now = over_at - 0.5
    assert tickets(clock).token_of(ticket) == digest_of("token")
    clock.now = over_at
    with pytest.raises(CredentialInvalid, match="is over"):
        tickets(clock).token_of(ticket)


def test_no_two_tickets_are_the_same_and_none_holds_the_token() -> None:
    made = {tickets(Clock()).make(digest_of("token"))[0] for _ in range(100)}
    assert len(made) == 100
    assert not any("token" in ticket for ticket in made)


def test_a_ticket_that_was_touched_is_none() -> None:
    clock = Clock()
    ticket, _ = tickets(clock).make(digest_of("token"))
    for place in range(len(ticket)):
        for letter in "Aa_-9":
            touched = ticket[:place] + letter + ticket[place + 1 :]
            # The last letter has bits that say nothing.
            if touched != ticket and place < len(ticket) - 1:
                with pytest.raises(CredentialInvalid):
                    tickets(clock).token_of(touched)
    with pytest.raises(CredentialInvalid):
        tickets(clock, b"another key" * 3).token_of(ticket)


# --- The file ---------------------------------------------------------------------------------------------------------


def test_what_the_command_writes_is_what_the_file_takes(tmp_path: Path) -> None:
    made = CliRunner().invoke(
        main, ["token", 'my "board"', "--stream", "lofi", "--stream", "ключ\x7f", "--days", "3"]
    )
    assert made.exit_code == 0
    token = made.stderr.rpartition(" ")[2].strip()
    assert token.startswith("tlm_")
    assert token not in made.stdout
    path = tmp_path / "tokens.toml"
    path.write_text(made.stdout + CliRunner().invoke(main, ["token", "other"]).stdout)
    grant = TokenFile(path).find(digest_of(token))
    assert grant is not None
    assert (grant.name, grant.scopes) == ('my "board"', frozenset({"read"}))
    assert grant.streams == frozenset({"lofi", "ключ\x7f"})
    assert grant.expires_at is not None
    assert TokenFile(path).find(digest_of(make_token())) is None


_DIGEST = "0" * 64
_GOOD = f'[[tokens]]\nname = "good"\nsha256 = "{"1" * 64}"\nscopes = ["read"]\n\n'


def entry(
    *, name: str = '"a"', sha256: str = f'"{_DIGEST}"', scopes: str = '["read"]', more: str = ""
) -> str:
    """Return a token as TOML; what is given stands there as it is."""
    return f"[[tokens]]\nname = {name}\nsha256 = {sha256}\nscopes = {scopes}\n{more}"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[tokens]\n", "line 1, column 9: it is no TOML: expected ']]' at the end of an array declaration"),
        (_GOOD + "[[tokens]]\nname =\n", "line 7, column 7: it is no TOML: invalid value"),
        (_GOOD + '[[tokens]]\nname = "a', "line 7: it is no TOML, and ends too soon: "),
        ("a = " + "[" * 3_000, "it is nested too deeply"),
        (f"# {chr(0xE9)}\na = {'9' * 5_000}", "a number or a date in it can't be"),
        (
            '[[tokens]]\nname = "a"\n',
            "line 1: the token 'a' has no sha256: `telemetra token` writes all that it takes",
        ),
        (
            _GOOD + entry(sha256='"secret"'),
            "line 8: the token 'a' has a sha256 that is no digest: expected 64 hexadecimal digits",
        ),
        (
            _GOOD + entry(sha256='"tlm_secret"'),
            "line 8: the token 'a' has its very text as sha256, which belongs in no file: expected 64",
        ),
        (
            _GOOD + entry(scopes='["admin"]'),
            "line 9: the token 'a' has the scope 'admin', which is none: expected a list of read and write",
        ),
        (entry(scopes="[]"), "line 4: the token 'a' has no scope: expected a list of read and write"),
        (entry(scopes='"read"'), "line 4: the token 'a' has scopes that are none: expected a list"),
        (entry(name='""'), "line 2: token 1 has a name that can't be one: expected a text of 1 to 100"),
        (
            _GOOD + entry(more='stream = ["a"]\n'),
            "line 10: the token 'a' has 'stream', which says nothing: did you mean streams?",
        ),
        (
            entry(more='note = "x"\n'),
            "line 5: the token 'a' has 'note', which says nothing: expected name, sha256, ",
        ),
        (
            entry(more='streams = "a"\n'),
            "line 5: the token 'a' has streams that are none: expected a list of their ids",
        ),
        (
            entry(more="expires_at = 2027-01-01\n"),
            "line 5: the token 'a' has an end that is none: expected a day with a",
        ),
        ("[[token]]\n" + entry(), "line 1: 'token' is none of its keys: expected [[tokens]]"),
        ("tokens = 3\n", "line 1: expected [[tokens]] before each token"),
        (
            entry() + _GOOD + entry(name='"b"'),
            "line 12: the token 'b' is there twice, it has the sha256 of 'a' (line 3): take one of them out",
        ),
        # Inline tables are TOML as well; their lines are not found, and none is made up.
        ('tokens = [{name = "a", scopes = ["read"]}]', "can't be used: the token 'a' has no sha256"),
    ],
)
def test_a_file_that_can_not_be_used_says_which_line_of_which_token_and_why(
    tmp_path: Path, text: str, told: str
) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(text)
    with pytest.raises(TokensUnreadable, match=re.escape(told)) as error:
        TokenFile(path)
    assert str(error.value).startswith(f"{path} can't be used: ")
    assert "secret" not in str(error.value).replace(str(tmp_path), "")
    assert _DIGEST not in str(error.value)
    assert "\n" not in str(error.value)


def test_all_that_is_wrong_in_a_file_is_told_at_once_but_not_without_end(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(entry(scopes="[]") + entry(name='"b"', sha256='""'))
    with pytest.raises(TokensUnreadable) as error:
        TokenFile(path)
    assert "line 4: the token 'a'" in str(error.value)
    assert "; line 7: the token 'b'" in str(error.value)
    path.write_text(entry(scopes="[]") * 1_000)
    with pytest.raises(TokensUnreadable, match="; and 995 more"):
        TokenFile(path)


def test_a_file_in_another_encoding_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_bytes(b"# first\n# caf\xe9\n")
    with pytest.raises(TokensUnreadable, match="line 2: it is not in UTF-8"):
        TokenFile(path)


def test_a_time_without_a_zone_is_utc_and_may_be_a_text(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    for written in ("2027-01-01T00:00:00", '"2027-01-01T00:00:00Z"', "2027-01-01T02:00:00+02:00"):
        path.write_text(entry(more=f"expires_at = {written}\n"))
        grant = TokenFile(path).find(bytes.fromhex(_DIGEST))
        assert grant is not None
        assert grant.expires_at == datetime(2027, 1, 1, tzinfo=UTC)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokensUnreadable, match="No such file"):
        TokenFile(tmp_path / "tokens.toml")


def _entry(token: str) -> str:
    return f'[[tokens]]\nname = "a"\nsha256 = "{digest_of(token).hex()}"\nscopes = ["read"]\n'


async def test_a_changed_file_counts_soon_and_a_broken_one_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    path.write_text(_entry("one"))
    tokens = TokenFile(path)

    async def until(token: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while tokens.find(digest_of(token)) is None:  # noqa: ASYNC110  (nobody is told of a file's change)
                await asyncio.sleep(0.02)

    async with tokens.watched():
        # As secrets' mounts do it: another file takes the name.
        (tmp_path / "new.toml").write_text(_entry("two"))
        os.replace(tmp_path / "new.toml", path)  # noqa: PTH105  (pathlib's has the same name and means it less)
        await until("two")
        assert tokens.find(digest_of("one")) is None
        for broken in ("[[tokens]", "a = " + "[" * 3_000, "a = " + "9" * 5_000):
            path.write_text(broken)
            tokens._refresh()
            assert tokens.find(digest_of("two"))
            assert tokens.is_unreadable
        path.write_text(_entry("three") + _entry("four"))
        await until("four")
        assert not tokens.is_unreadable


@pytest.mark.parametrize("arguments", [("",), ("a" * 101,), ("\udcff",), ("a", "--stream", "\udcff")])
def test_the_command_makes_nothing_that_the_file_would_not_take(arguments: tuple[str, ...]) -> None:
    made = CliRunner().invoke(main, ["token", *arguments])
    assert made.exit_code == 2
    assert made.stdout == ""


def test_the_command_names_what_it_makes_in_toml() -> None:
    made = CliRunner().invoke(main, ["token", "a", "--scope", "read", "--scope", "write"])
    (token,) = tomllib.loads(made.stdout)["tokens"]
    assert token["scopes"] == ["read", "write"]
    assert "streams" not in token


# --- What the doctor says of it ---------------------------------------------------------------------------------------


async def test_the_doctor_counts_tokens_and_names_those_that_are_soon_over(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    for name, days in (("long", "400"), ("short", "3")):
        made = CliRunner().invoke(main, ["token", name, "--days", days])
        path.write_text((path.read_text() if path.exists() else "") + made.stdout)
    path.chmod(0o600)
    counted, ending = await examine_tokens(path)
    assert (counted.check, counted.status) == ("tokens.file", Status.OK)
    assert (ending.check, ending.status) == ("tokens.expiry", Status.WARNING)
    assert "'short' will be over" in ending.found
    path.chmod(0o622)
    assert [finding.check for finding in await examine_tokens(path)][-1] == "tokens.rights"
    path.write_text("")
    path.chmod(0o600)
    (nobody,) = await examine_tokens(path)
    assert nobody.status is Status.WARNING
    path.write_text("[[tokens]")
    (broken,) = await examine_tokens(path)
    assert broken.status is Status.PROBLEM
    (missing,) = await examine_tokens(tmp_path / "nowhere.toml")
    assert missing.status is Status.PROBLEM


async def test_the_doctor_names_a_token_that_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "tokens.toml"
    made = CliRunner().invoke(main, ["token", "writer", "--scope", "write"])
    path.write_text(made.stdout + CliRunner().invoke(main, ["token", "reader"]).stdout)
    path.chmod(0o600)
    _, finding = await examine_tokens(path)
    assert (finding.check, finding.status) == ("tokens.scopes", Status.NOTE)
    assert "'writer' opens nothing" in finding.found


def test_the_command_s_help_says_what_scopes_are_for_and_when_a_change_counts() -> None:
    told = " ".join(CliRunner().invoke(main, ["token", "--help"]).stdout.split())
    assert "within two seconds" in told
    assert "`write` is reserved" in told
