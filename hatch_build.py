"""
Puts the pages' assets (Swagger UI, ReDoc) beside the code that serves them, at build time.

They are other people's work, so they are not in the repository: the build takes them, with their licences, out of
the distribution that `[build-system]` pins. Wheels and editable installs then carry them, and nothing is fetched at
run time.
"""

from __future__ import annotations

import shutil
from importlib.metadata import files
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

CARRIER = "drf-spectacular-sidecar"
TARGET = Path("src/telemetra/entrypoints/http/assets")
WANTED = {
    "redoc.standalone.js",
    "swagger-ui-bundle.js",
    "swagger-ui-standalone-preset.js",
    "swagger-ui.css",
}


class DocumentationAssets(BuildHookInterface[Any]):
    """Copies the assets that the documentation pages load."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  (the hook's signature)
        target = Path(self.root) / TARGET
        target.mkdir(parents=True, exist_ok=True)
        found = set()
        for file in files(CARRIER) or ():
            if file.name in WANTED:
                shutil.copyfile(file.locate(), target / file.name)
                found.add(file.name)
            elif file.name.startswith("LICENSE") or file.name.endswith("LICENSE.txt"):
                shutil.copyfile(file.locate(), target / f"{file.parent.name}-{file.name}")
        if missing := WANTED - found:
            raise FileNotFoundError(f"{CARRIER} does not carry {', '.join(sorted(missing))}")
