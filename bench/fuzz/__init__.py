"""Fuzzing of everything that reads a client's bytes, guided by coverage."""
