"""A refused exchange becomes an explained response: facts from bytes, and the response with fields and members added. Pure.

The proxy and the client middleware use it. They differ only in how requests are sent.
"""
