"""Benchmarks of the reads over HTTP."""
