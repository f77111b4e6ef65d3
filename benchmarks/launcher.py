"""
Run a program and write its wall-clock seconds, its peak memory and its exit code to a file.

    python -I -S launcher.py RESULT LONGEST ERRORS PROGRAM...

A process of its own, that imports next to nothing: what a child's memory is said to have been at
the most begins with that of the process that started it. The memory is the largest of any one
process of the program: of itself or of a child it waited for. After LONGEST seconds all of them
are killed, and the exit code is that of `timeout`.
"""

import os
import signal
import sys
import time

TIMED_OUT = 124


def main() -> None:
    result, longest, errors, *program = sys.argv[1:]
    nowhere = os.open(os.devnull, os.O_RDWR)
    said = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    targets = ((nowhere, 0), (nowhere, 1), (said, 2))
    actions = [(os.POSIX_SPAWN_DUP2, source, target) for source, target in targets]
    started = time.perf_counter()
    process = os.posix_spawnp(program[0], program, os.environ, file_actions=actions, setsid=True)
    is_over = False

    def stop(_number: int, _frame: object) -> None:
        nonlocal is_over
        is_over = True
        os.killpg(process, signal.SIGKILL)

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, float(longest))
    _, status, usage = os.wait4(process, 0)
    taken = time.perf_counter() - started
    code = TIMED_OUT if is_over else os.waitstatus_to_exitcode(status)
    with open(result, "w", encoding="ascii") as file:
        file.write(f"{taken} {usage.ru_maxrss} {code}")


if __name__ == "__main__":
    main()
