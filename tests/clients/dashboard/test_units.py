"""What of the dashboard needs no browser, in Node's test runner; and that what is served is what the source makes."""

from __future__ import annotations

from tests.clients.typescript.toolchain import CLIENTS, needs_node, run

DASHBOARD = CLIENTS / "dashboard"


@needs_node
async def test_the_dashboard_s_own_tests_pass_in_node() -> None:
    code, said = await run("node", "test.mjs", cwd=DASHBOARD)
    assert code == 0, said
    assert said.count("\nok ") > 40, said


@needs_node
async def test_the_dashboard_that_is_served_is_what_its_source_makes() -> None:
    code, said = await run("node", "build.mjs", "--check", cwd=DASHBOARD)
    assert code == 0, said
