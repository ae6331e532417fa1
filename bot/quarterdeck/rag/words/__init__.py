"""Work on words: their forms, full-text queries, sentences worth quoting."""
