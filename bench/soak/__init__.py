"""The service under mixed load while things fail, for as long as asked: `make bench-soak`."""
