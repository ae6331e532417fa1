"""Answer from the team's own documents: read, cut, embed, index, search, quote.

The main process imports nothing heavy here. `reader.py` and `librarian.py` are the two worker processes: the first
reads and cuts documents, the second embeds text and holds the vector index.
"""
