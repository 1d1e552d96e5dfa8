"""`python -m cagents_fs` is the command `cagents-fs`."""

from cagents_fs.cli import main

if __name__ == "__main__":
    main()
