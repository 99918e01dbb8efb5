"""HTTP, incoming and between the services: operations with a contract, one gate for what comes in, one way to say no.

`operation.py` declares, `route.py` is everything that happens with a request, `application.py` puts them together.
"""
