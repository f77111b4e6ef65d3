"""
Run a program and write its wall-clock seconds, its peak memory and its exit code to a file.

A process of its own, that imports next to nothing: what a child's memory is said to have been at
the most begins with that of the process that started it.
"""

import os
import sys
import time


def main() -> None:
    result, *program = sys.argv[1:]
    nowhere = os.open(os.devnull, os.O_RDWR)
    actions = [(os.POSIX_SPAWN_DUP2, nowhere, number) for number in range(3)]
    started = time.perf_counter()
    process = os.posix_spawnp(program[0], program, os.environ, file_actions=actions)
    _, status, usage = os.wait4(process, 0)
    taken = time.perf_counter() - started
    with open(result, "w", encoding="ascii") as file:
        file.write(f"{taken} {usage.ru_maxrss} {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main()
