"""`python -m telemetra` is `telemetra`."""

from telemetra.entrypoints.cli import main

if __name__ == "__main__":
    main()
