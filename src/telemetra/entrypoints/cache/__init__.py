"""The response cache: answers kept in this process, in front of the routes, and dropped by the database's changes."""
