"""What `tests/test_children.py` asks: does as the question says."""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from pki_as_code.children import serve


def answer(question: Any) -> object:
    match question:
        case {"sleep": seconds}:
            time.sleep(seconds)
        case {"take": size}:
            return len(bytearray(size))
        case {"raise": text}:
            raise ValueError(text)
        case {"exit": code}:
            os._exit(code)
        case {"print": text}:
            print(text)  # noqa: T201
            os.system(f"echo {text}")  # noqa: S605
        case {"say": size}:
            return "x" * size
        case {"write": path}:
            with open(path, "w") as stream:
                stream.write("x")
        case {"tell": "self"}:
            return {"pid": os.getpid(), "at": os.getcwd(), "environment": sorted(os.environ)}
        case {"tell": "path"}:
            return sys.path
    return question


if __name__ == "__main__":
    serve(answer)
