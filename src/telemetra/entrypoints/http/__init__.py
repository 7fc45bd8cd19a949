"""The HTTP contract: routes, parameters, problems, and the layers around them. Knows ports, never an adapter."""
