"""Filters that listing, looking up and completing need, for every store."""

from __future__ import annotations

from typing import Any

import pytest

from pki_as_code.stores.interface import CertificateFilter
from tests.stores.material import certificate_id, issue, reservation

WITHOUT_PROFILE = {"profile": ""}


@pytest.fixture
def store(place) -> Any:
    opened = place.open()
    for number, (name, namespace, request) in enumerate(
        [
            ("web", "default", {}),
            ("web-2", "default", {"profile": "ocsp"}),
            ("100%_sure", "default", WITHOUT_PROFILE),
            ("web", "payments", {}),
        ]
    ):
        issue(
            opened, reservation(certificate_id(name, namespace), 0x2001 + number, request=request)
        )
    return opened


@pytest.mark.parametrize(
    ("conditions", "numbers"),
    [
        ({"serial_number": 0x2002}, [2]),
        ({"serial_number": 0x1001}, []),
        ({"serial_number": 0x1001, "kinds": ()}, [0x1001 - 0x2000]),
        ({"called": "web"}, [1, 4]),
        ({"called": "WEB*"}, [1, 2, 4]),
        ({"called": "web-?"}, [2]),
        ({"called": "payments/web"}, [4]),
        ({"called": "payments/*"}, [4]),
        ({"called": "100%_sure"}, [3]),
        ({"called": "1000%sure"}, []),
        ({"called": "%"}, []),
        ({"called": "_eb"}, []),
        ({"called": ""}, []),
        ({"name_prefix": "web"}, [1, 2, 4]),
        ({"name_prefix": "web", "namespace": "default"}, [1, 2]),
        ({"name_prefix": "web-"}, [2]),
        ({"name_prefix": ""}, [1, 2, 3, 4]),
        ({"name_prefix": "%"}, []),
        ({"excluded_profiles": ("ocsp",)}, [1, 3, 4]),
        ({"excluded_profiles": ("ocsp", "")}, [1, 4]),
        ({"excluded_profiles": ("ocsp",), "called": "web*", "limit": 1}, [1]),
    ],
)
def test_a_filter_finds_what_it_says(store, conditions, numbers):
    wanted = CertificateFilter(order=("serial_number",), **conditions)
    assert [record.serial_number - 0x2000 for record in store.find(wanted)] == numbers
