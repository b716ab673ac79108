"""Reads the record of use of a running proxy at its admin port."""

from kcproxy.cli.admin_port import AdminPort, AdminPortUnreadable
from kcproxy.usage.exchange import NoRecordDocument, record_of_document
from kcproxy.usage.model import UseRecord


def record_of_proxy(port: AdminPort, since_epoch_seconds: float) -> UseRecord:
    """The record since then. Raises AdminPortUnreadable, also if the proxy has no record."""
    found = port.get(f"/api/use?since={since_epoch_seconds:.0f}")
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        raise AdminPortUnreadable(f"{port.address}: {found['error']}")
    try:
        return record_of_document(found)
    except NoRecordDocument as error:
        raise port.stranger(str(error)) from error
