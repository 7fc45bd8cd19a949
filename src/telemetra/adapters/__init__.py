"""The outside technologies, one folder each; each implements ports of the domain, none imports another."""
