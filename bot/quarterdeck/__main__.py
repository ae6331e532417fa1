"""Let `python -m quarterdeck` be the program."""

from quarterdeck.cli import main

if __name__ == "__main__":
    main()
