"""`python -m simulators`: the same as `hallctl sim`."""

from simulators.cli import sim

if __name__ == "__main__":
    sim(prog_name="simulators")
