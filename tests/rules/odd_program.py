"""Answers questions about rules as no program should; what it says is named by the first rule."""

from __future__ import annotations

import time
from typing import Any

from pki_as_code.children import serve

ANSWERS: dict[str, Any] = {
    "nothing": None,
    "text": "true",
    "too few": [],
    "too many": [["true", ""]] * 2,
    "no pair": ["true"],
    "truth": [[True, ""]],
    "number": [[1, ""]],
    "true and more": [["true", "", ""]],
    "true with a problem": [["true", "but"]],
    "another word": [["TRUE", ""]],
    "map": {"true": ""},
    "missing": {"missing": "no library"},
}


def answer(question: Any) -> Any:
    if question == {"check": "true"}:
        return ""
    match question:
        case {"check": str(name)}:
            return ANSWERS[name]
        case {"rules": [*names], "facts": _}:
            if "slow" in names:
                time.sleep(60)
            if names[0] in ANSWERS:
                return ANSWERS[names[0]]
            return [["true", ""]] * len(names)
    raise ValueError(question)


if __name__ == "__main__":
    serve(answer)
