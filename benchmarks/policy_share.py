"""Plan a repository in one process, and print how much of the time policies took."""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pki_as_code import workers
from pki_as_code.workspace import judging, open_workspace


def main() -> None:
    workers.processes = lambda: 1
    judge: Any = judging.judge_certificate
    spent, judged = 0.0, 0

    def timed(*arguments: Any, **named: Any) -> Any:
        nonlocal spent, judged
        before = time.perf_counter()
        found = judge(*arguments, **named)
        spent, judged = spent + time.perf_counter() - before, judged + 1
        return found

    judging.judge_certificate = timed
    started = time.perf_counter()
    workspace = open_workspace(Path(sys.argv[1]), ref="HEAD", push=False)
    plan = workspace.plan(datetime.now(UTC))
    whole = time.perf_counter() - started
    allowed = sum(bool(getattr(change, "allowed_by", ())) for change in plan.changes)
    assert allowed == judged == int(sys.argv[2]), (allowed, judged)
    print(json.dumps({"policies": spent, "plan": whole}))


if __name__ == "__main__":
    main()
