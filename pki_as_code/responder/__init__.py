"""
What is said when somebody asks about a certificate (OCSP, RFC 6960).

`opening.py` opens the responders of a workspace, `answering.py` answers one request from the store,
`static.py` signs the answers to requests that clients will make, for a plain file server.
"""

from __future__ import annotations

from pki_as_code.responder.answering import Answer, Responders
from pki_as_code.responder.opening import open_responders
from pki_as_code.responder.static import presigned_responses

__all__ = ["Answer", "Responders", "open_responders", "presigned_responses"]
