"use strict";

const target = document.getElementById("redoc");
const system = "system-ui, sans-serif";

Redoc.init(
  target.dataset.document,
  {
    hideDownloadButton: false,
    theme: { typography: { fontFamily: system, headings: { fontFamily: system } } },
  },
  target,
);
