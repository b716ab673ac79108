"""The evidence of an exchange: its request, as ``denial`` reads it."""

from kcproxy.denial.evidence import SentRequest
from kcproxy.denial.evidence import request_facts as facts_of
from kcproxy.model import AccountEntry, RequestFacts, Withheld
from kcproxy.proxy.exchange import Exchange


def request_facts(
    exchange: Exchange, *, base_path: str, public_url: str, withheld: Withheld | None = None, account: AccountEntry | None = None
) -> RequestFacts:
    """Facts about the request. ``withheld``: why the proxy added no token. ``account``: whose token it added, or would have added."""
    sent = SentRequest(
        target=exchange.target,
        raw_target=exchange.raw_target,
        fields=exchange.head.fields,
        called_at=exchange.head.text(b"host"),
        authorization=exchange.head.picked.get(b"authorization"),
        body=exchange.body.content if exchange.body is not None else None,
        body_unseen=exchange.body_unseen or (exchange.body is not None and exchange.body.content is None),
    )
    return facts_of(sent, base_path=base_path, public_url=public_url, withheld=withheld, account=account)
