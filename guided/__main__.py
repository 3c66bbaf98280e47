"""`python -m guided`: the command line, also where the script `guided` is not on the path."""

from guided.cli import main

main()
