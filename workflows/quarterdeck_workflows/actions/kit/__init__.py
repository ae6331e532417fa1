"""Hold what all actions share: how one is declared, checked and run, and where its files lie."""
