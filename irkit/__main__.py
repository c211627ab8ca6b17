"""`python -m irkit`."""

from irkit.cli import main

if __name__ == "__main__":
    main()
