/** Runs the tests of what needs no browser, in Node's own runner: `npm test`. */

import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const TESTS = fileURLToPath(new URL("tests/", import.meta.url));
const made = await mkdtemp(join(tmpdir(), "telemetra-dashboard-"));
try {
  const names = (await readdir(TESTS)).filter((name) => name.endsWith(".test.ts"));
  await build({
    entryPoints: names.map((name) => join(TESTS, name)),
    outdir: made,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    format: "esm",
    platform: "node",
    target: ["node20"],
    sourcemap: "inline",
  });
  const files = names.map((name) => join(made, name.replace(/ts$/, "mjs")));
  // A zone that puts its clocks forward and back, whatever the machine's own.
  const environment = { ...process.env, TZ: "Europe/Berlin" };
  const { status } = spawnSync(process.execPath, ["--enable-source-maps", "--test", "--test-reporter=tap", ...files], { stdio: "inherit", env: environment });
  process.exitCode = status ?? 1;
} finally {
  await rm(made, { recursive: true });
}
