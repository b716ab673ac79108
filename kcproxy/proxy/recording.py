"""Records finished exchanges: who called, what the request showed, and the explanation if there is one."""

import logging

from kcproxy.observe.events import Observer
from kcproxy.proxy.caller_identity import CallerIdentities
from kcproxy.proxy.exchange import Exchange
from kcproxy.proxy.runtime import Runtime

log = logging.getLogger("kcproxy.proxy")


class Recorder:
    """Gives finished exchanges to an observer."""

    def __init__(self, observer: Observer) -> None:
        """If the observer counts callers, they are identified."""
        self._observer = observer
        tally = observer.use_tally()
        self._identities = None if tally is None else CallerIdentities(tally)

    def announce(self, exchange: Exchange, runtime: Runtime) -> None:
        """Announce a denial before its response is sent, so that its id is not lost if the process is killed. Never raises."""
        if exchange.explanation is None or not self._observer.announces_denials:
            return
        try:
            self._observer.denial_announced(exchange.explanation.operator or exchange.explanation, exchange.record(runtime.clock()))
        except Exception:
            log.exception("a denial could not be announced")

    def record(self, exchange: Exchange, runtime: Runtime) -> None:
        """Record an exchange that has ended. Never raises: the response is written, and later requests are served."""
        try:
            record = exchange.record(runtime.clock())
            if self._identities is not None and exchange.target.operation is not None:
                self._identities.describe(record, exchange, runtime.catalog)
            if runtime.observed_limits.active:
                record.exceeded_limits = runtime.observed_limits.exceeded(exchange)
            self._observer.request_finished(record)
            if exchange.explanation is not None:
                self._observer.denied(exchange.explanation.operator or exchange.explanation, record)
        except Exception:
            log.exception("a request could not be recorded")
