"""What live delivery costs and how fast it is, beside what others do with the same machine: `make bench-live`."""
