"""An RSA key whose modulus has hardly any bit set: no rule of ours objects, and badkeys does."""

from __future__ import annotations

from functools import cache

import gmpy2
from cryptography.hazmat.primitives.asymmetric import rsa

_EXPONENT = 65537


@cache
def sparse_key() -> rsa.RSAPrivateKey:
    high = 1 << 1023 | 1 << 1022
    p, q = (int(gmpy2.next_prime(start)) for start in (high, high | 1 << 1010))
    d = pow(_EXPONENT, -1, (p - 1) * (q - 1))
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(_EXPONENT, p * q),
    )
    return numbers.private_key()
