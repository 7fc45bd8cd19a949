"""
What the documents say of the live socket, beside what the types say of themselves.

Between the two sides: the protocol knows nothing of documents, and the documents' builders nothing of the protocol.
"""
