"""
What relying parties fetch, over HTTP: OCSP, CRLs, authorities' certificates; and how things stand.

`view.py` is the store as it is seen at the moment, `app.py` lists the routes, with a file for each
kind of answer beside it, `server.py` runs it. Nothing here writes or opens an authority's key.

Starlette, uvicorn and prometheus-client are the extra `web`. Pages for browsers will be routes of
their own in `app.py`.
"""
