"""Reads that can be had whole, in forms for tables and video editors, told page by page in bounded memory."""
