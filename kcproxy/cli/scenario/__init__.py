"""The scenario of ``kcproxy demo``: a service account without a role, its 403, the explanation, the fix, and the response after it."""
