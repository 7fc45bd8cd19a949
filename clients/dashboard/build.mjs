/**
 * Builds the dashboard into the package that serves it; with `--check` it only says whether what is there is up to date.
 *
 * What is built is in the repository, so that nobody needs Node to install the service. It is not minified: it can be read.
 */

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const TARGET = fileURLToPath(new URL("../../src/telemetra/entrypoints/http/pages/", import.meta.url));
const HEADING = "Built from clients/dashboard by `make clients`: change it there.";

const { outputFiles } = await build({
  absWorkingDir: HERE,
  entryPoints: { dashboard: "src/main.ts", "dashboard-style": "src/styles/dashboard.css" },
  outdir: TARGET,
  write: false,
  bundle: true,
  format: "esm",
  target: ["es2022"],
  charset: "utf8",
  legalComments: "none",
  banner: { js: `/* ${HEADING} */`, css: `/* ${HEADING} */` },
});

let stale = false;
for (const file of outputFiles) {
  const path = file.path.replace("dashboard-style.css", "dashboard.css");
  if (!process.argv.includes("--check")) {
    await writeFile(path, file.contents);
  } else if (file.text !== (await readFile(path, "utf8").catch(() => null))) {
    stale = true;
    console.error(`${path} is not what clients/dashboard makes: run \`make clients\`.`);
  }
}
process.exitCode = stale ? 1 : 0;
